"""What a causal model gives away of its training text."""
