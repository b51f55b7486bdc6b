"""Using a trained model: generate, fill, classify, tag, score, embed."""
