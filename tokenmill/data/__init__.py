"""From raw text to clean documents: polars, no torch."""
