"""Documents with the same text: exact duplicates, and labels that contradict each other."""

import polars as pl

HELD_OUT_FIRST = pl.col("fold").replace_strict({"test": 0, "validation": 1}, default=2)
"""An order of documents in which those come first that are to be held out by their fold."""


def conflicting_labels(equal: pl.DataFrame) -> pl.DataFrame:
    """All copies of a text with several labels fail: which is right cannot be told. The value lists them.

    ``equal`` (columns number, source, label, text_hash, target_hash) has every document whose text another
    one has too. Only labels within a source can conflict; those of another source may answer another
    question.

    Returns:
        number, value.
    """
    key = ["source", "text_hash", "target_hash"]
    labelled = equal.filter(pl.col("label").is_not_null())
    groups = labelled.group_by(key).agg(labels=pl.col("label").unique().sort())
    groups = groups.filter(pl.col("labels").list.len() > 1)
    groups = groups.with_columns(value=pl.col("labels").list.join(", "))
    return labelled.join(groups, on=key, nulls_equal=True).select("number", "value")


def exact_duplicate(equal: pl.DataFrame) -> pl.DataFrame:
    """All but one of equal documents fail, across all sources; the value is the id of the one that is kept.

    ``equal`` is as above, with ids and folds. Equal means: the same normalised text, the same target, and
    labels that do not differ. A copy without a label is equal to one with a label, and goes; copies with
    different labels (of different sources, or the conflict would have been found before) both stay. Of equals
    one that is held out by its fold is kept, else the first by id.

    Returns:
        number, value.
    """
    group = ["text_hash", "target_hash"]
    ordered = equal.sort("id").with_columns(
        label=pl.coalesce("label", pl.col("label").drop_nulls().first().over(group)),
        unlabelled=pl.col("label").is_null(),
    )
    ordered = ordered.sort("unlabelled", HELD_OUT_FIRST, "id")
    kept = pl.col("id").first().over([*group, "label"])
    return ordered.select("number", "id", value=kept).filter(pl.col("id") != pl.col("value")).drop("id")
