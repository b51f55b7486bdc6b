"""What a language model learns to predict: tokens to inputs and labels, and how well it does."""
