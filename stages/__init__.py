"""What each stage of dvc.yaml reads, writes and calls: one file a stage, run as ``python -m stages.NAME``."""
