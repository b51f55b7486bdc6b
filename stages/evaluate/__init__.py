"""evaluate: every model on held-out test data, beside the baselines it has to beat, and a page about it."""
