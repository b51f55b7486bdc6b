"""Documents as texts with their answers: translations, headlines, summaries."""

import polars as pl


def answered(documents: pl.DataFrame) -> pl.DataFrame:
    """The documents that have a target which is not blank."""
    return documents.filter(pl.col("target").str.strip_chars() != "")


def text_pairs(documents: pl.DataFrame, *, reverse: bool) -> list[tuple[str, str]]:
    """What is asked and answered in the documents that are answered: text and target, or the reverse."""
    columns = ("target", "text") if reverse else ("text", "target")
    return list(answered(documents).select(columns).iter_rows())
