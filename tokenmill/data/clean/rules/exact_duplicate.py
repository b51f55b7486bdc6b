"""Copies of a document that is kept."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


def exact_duplicate(copies: "pl.DataFrame") -> "pl.DataFrame":
    """All but one of equal documents fail, across all sources; the value is the id of the one that is kept.

    ``copies`` (columns number, id, label, text_hash, target_hash) has every document whose text another one
    has too. Equal means: the same normalised text, the same target, and labels that do not differ. A copy
    without a label is equal to one with a label, and goes; copies with different labels (of different
    sources, or the conflict would have been found before) both stay. Of equals the first by id is kept.

    Returns:
        number, value.
    """
    import polars as pl

    group = ["text_hash", "target_hash"]
    ordered = copies.sort("id").with_columns(
        label=pl.coalesce("label", pl.col("label").drop_nulls().first().over(group)),
        unlabelled=pl.col("label").is_null(),
    )
    ordered = ordered.sort("unlabelled", "id")
    kept = pl.col("id").first().over([*group, "label"])
    return ordered.select("number", "id", value=kept).filter(pl.col("id") != pl.col("value")).drop("id")
