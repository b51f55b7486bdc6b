"""Training with Lightning: data order, optimizer, tasks, checkpoints, progress."""
