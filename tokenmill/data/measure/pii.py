"""Personal data in many texts at once (:mod:`tokenmill.data.normalization.pii` says what they are).

A candidate is found by polars in all texts at once; only those with one are looked at closer, in Python.
"""

import polars as pl

from tokenmill.data.normalization.pii.replace import replace_kind
from tokenmill.data.normalization.pii.table import KINDS

COUNTS = tuple(f"pii_{kind.name}" for kind in KINDS)


def replace_pii(frame: pl.DataFrame) -> pl.DataFrame:
    """``frame`` with placeholders in ``text`` and ``target``, and a UInt32 column for each of ``COUNTS``.

    The same text always becomes the same, and nothing is found in a text whose personal data was replaced.
    """
    texts, in_texts = _replaced(frame["text"])
    targets, in_targets = _replaced(frame["target"])
    pairs = zip(COUNTS, in_texts, in_targets, strict=True)
    return frame.with_columns(texts, targets, *((a + b).alias(name) for name, a, b in pairs))


def _replaced(texts: pl.Series) -> tuple[pl.Series, list[pl.Series]]:
    """Texts after replacing, and for each kind how many there were in each of them."""
    texts, counts = texts.cast(pl.String), []
    for kind in KINDS:
        count = pl.zeros(len(texts), pl.UInt32, eager=True)
        candidates = texts.str.contains(kind.candidate).fill_null(False).arg_true()
        results = pl.DataFrame(
            [(place, *replace_kind(texts[place], kind)) for place in candidates],
            {"place": pl.UInt32, "text": pl.String, "count": pl.UInt32},
            orient="row",
        ).filter(pl.col("count") > 0)
        if len(results):
            texts = texts.scatter(results["place"], results["text"])
            count = count.scatter(results["place"], results["count"])
        counts.append(count)
    return texts, counts
