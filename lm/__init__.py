"""The model: Transformer, objectives, generation, training. Imports nothing of the floors above."""
