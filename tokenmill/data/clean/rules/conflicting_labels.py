"""The same text under different labels."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


def conflicting_labels(copies: "pl.DataFrame") -> "pl.DataFrame":
    """All copies fail: which label is right cannot be told. The value lists the labels.

    ``copies`` (columns number, source, label, text_hash, target_hash) has every document whose text another
    one has too. Only labels within a source can conflict; those of another source may answer another
    question.

    Returns:
        number, value.
    """
    import polars as pl

    labelled = copies.filter(pl.col("label").is_not_null())
    groups = labelled.group_by("source", "text_hash", "target_hash").agg(
        labels=pl.col("label").unique().sort()
    )
    groups = groups.filter(pl.col("labels").list.len() > 1).with_columns(
        value=pl.col("labels").list.join(", ")
    )
    joined = labelled.join(groups, on=["source", "text_hash", "target_hash"], nulls_equal=True)
    return joined.select("number", "value")
