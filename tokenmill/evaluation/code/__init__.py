"""How well a causal model completes program code."""
