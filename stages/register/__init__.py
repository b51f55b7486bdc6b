"""register: put the models into MLflow's registry and let the better one be champion."""
