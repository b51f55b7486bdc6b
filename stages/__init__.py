"""What each step of the pipeline does: one package per DVC stage, run as ``python -m stages.NAME``."""
