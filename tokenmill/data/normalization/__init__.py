"""The form of a text, as a model reads it: of many at once in measure, of one when a model is used.

No polars here: what users send is normalised where the pipeline's packages are not installed.
"""
