"""MLflow: the store, and one run per executed stage, with lineage by digest.

Tracking never decides about the work: when the store cannot be reached, the stage says so once and goes on.
"""
