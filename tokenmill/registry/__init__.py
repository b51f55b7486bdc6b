"""MLflow's model registry and the served model."""
