"""Labels of documents that are more than one name: several in one, or a number."""

import polars as pl

MANY_NUMBERS = 20
"""Labels of a source that are more different numbers than these are measurements, not names of classes."""


def label_sets(labels: pl.Series, separator: str) -> pl.Series:
    """The names between separators, without white space around them; a separator alone: none fits."""
    return labels.str.split(separator.strip() or separator).list.eval(
        pl.element().str.strip_chars().filter(pl.element().str.strip_chars() != "")
    )


def number_of(label: pl.Expr) -> pl.Expr:
    """A label as a float; null where it is no finite number."""
    number = label.str.strip_chars().cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)


def numbers_of(labels: pl.Series) -> pl.Series:
    """Labels as floats; null where one is no finite number."""
    return labels.to_frame("label").select(number_of(pl.col("label"))).to_series()
