"""How a stage runs: work folder, lock, publishing, worker processes, MLflow, progress.

Nothing in here decides about the bytes of an out, so no stage depends on it.
"""
