"""Labels of documents that are more than one name: several in one, or a number."""

import polars as pl

MANY_NUMBERS = 20
"""Labels of a source that are more different numbers than these are measurements, not names of classes."""


def label_sets(labels: pl.Series, separator: str) -> pl.Series:
    """The names between separators, without white space around them; a separator alone: none fits."""
    return labels.str.split(separator.strip() or separator).list.eval(
        pl.element().str.strip_chars().filter(pl.element().str.strip_chars() != "")
    )


def numbers_of(labels: pl.Series) -> pl.Series:
    """Labels as floats; null where one is no finite number."""
    numbers = labels.str.strip_chars().cast(pl.Float64, strict=False)
    return numbers.set(~numbers.is_finite().fill_null(False), None)
