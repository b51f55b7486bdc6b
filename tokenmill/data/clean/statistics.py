"""One pass over what was decided: counts of documents, and those that the report shows."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from tokenmill.data.clean.decide import Decisions

LENGTH_EDGES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000)
"""Lower ends of the length histogram's bins, in characters."""
EXAMPLES = 3
"""Documents shown of each source, and of each rule and source."""

KINDS = ("source", "rule", "split", "label", "language", "bin")


@dataclass(frozen=True)
class Statistics:
    """Memory holds as much as there are different rows, however many documents."""

    counts: pl.DataFrame
    """By ``KINDS`` (rule is the first that fails; bin the place in ``LENGTH_EDGES``, -1 below the first):
    documents; characters, of the text; bytes, of what was measured of text and target."""
    examples: pl.DataFrame
    """source, rule (null: kept), number: a few documents of each, those with the lowest hash, in its order:
    a pick without bias that stays the same."""


def collect_statistics(decisions: Decisions) -> Statistics:
    """Look at every document's measures and at what was decided about it; no text is read."""
    shorter = decisions.shortened.drop_nulls("text")
    lengths = shorter.select("number", shorter=pl.col("text").str.len_chars())
    columns = ("id", "source", "label", "language", "text_hash", "characters", "bytes", "target_bytes")
    counts: list[pl.DataFrame] = []
    examples: pl.DataFrame | None = None
    for numbers, frame in decisions.corpus.read(columns):
        frame = frame.hstack(decisions.verdicts(numbers)).with_columns(number=pl.Series(numbers))
        if len(lengths):
            frame = frame.join(lengths, on="number", how="left", maintain_order="left")
            frame = frame.with_columns(characters=pl.coalesce("shorter", "characters"))
        counts = [_counted([*counts, _kinds(frame)])]
        lowest = frame.select("source", "rule", "text_hash", "label", "id", "number")
        examples = _lowest(lowest if examples is None else pl.concat([examples, lowest]))
    assert examples is not None  # a corpus has a part, be it without rows
    picked = examples.group_by("source", "rule", maintain_order=True).head(EXAMPLES)
    return Statistics(counts[0], picked.select("source", "rule", "number"))


def _kinds(frame: pl.DataFrame) -> pl.DataFrame:
    bins = np.searchsorted(LENGTH_EDGES, frame["characters"].to_numpy(), "right") - 1
    return frame.select(
        *KINDS[:-1],
        bin=pl.Series(bins, dtype=pl.Int8),
        documents=pl.lit(1, pl.Int64),
        characters=pl.col("characters").cast(pl.Int64),
        bytes=pl.sum_horizontal("bytes", "target_bytes").cast(pl.Int64),
    )


def _counted(frames: list[pl.DataFrame]) -> pl.DataFrame:
    every = pl.concat(frames)
    return every.group_by(KINDS).agg(pl.col("documents", "characters", "bytes").sum())


def _lowest(documents: pl.DataFrame) -> pl.DataFrame:
    """Of each source and rule the documents with the lowest few hashes, by hash and id.

    Copies of one text tell no more than one of them, unless they differ in their labels.
    """
    kind = ["source", "rule"]
    ordered = documents.sort(*kind, "text_hash", "id")
    ordered = ordered.unique([*kind, "text_hash", "label"], keep="first", maintain_order=True)
    return ordered.filter(pl.col("text_hash").rle_id().over(kind) < EXAMPLES)
