"""What a model's vectors of texts are good for, without training the model."""
