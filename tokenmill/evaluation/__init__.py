"""Models on test data beside baselines: figures and their significance."""
