"""What each stage of dvc.yaml reads, writes and calls: one file a stage, run as ``python -m stages.NAME``."""

from tokenmill.jobs.starter import die_with_starter

die_with_starter()
