"""The model: Transformer, objectives, generation, checkpoints, training. Imports nothing of the floors above."""
