"""The loop around any model: optimizer, schedule, data order, checkpoints, processes."""
