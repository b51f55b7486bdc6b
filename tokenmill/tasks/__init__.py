"""One file a kind of task that models are fine-tuned for."""
