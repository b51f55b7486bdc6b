"""The tables of documents and of drops, source by source."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

from tokenmill.data.clean.corpus import Numbers
from tokenmill.data.clean.decide import Decisions
from tokenmill.data.clean.statistics import Statistics
from tokenmill.data.documents.parquet import write_parquet

COLUMNS = ("id", "source", "text", "label", "target", "language", "group", "spans")


def write_source(decisions: Decisions, statistics: Statistics, name: str, out: Path) -> None:
    """Write ``documents/<name>.parquet`` (COLUMNS and split) and ``drops/<name>.parquet`` (and reasons)."""
    kept, dropped = decisions.of_source(name)
    counts = statistics.counts.filter(pl.col("source") == name)
    for folder, verdict, numbers, stays in (
        ("documents", "split", kept, True),
        ("drops", "reasons", dropped, False),
    ):
        text_bytes = int(counts.filter(pl.col("rule").is_null() == stays)["bytes"].sum())
        table = _streamed(decisions, numbers, verdict)
        write_parquet(table, out / folder / f"{name}.parquet", rows=len(numbers), text_bytes=text_bytes)


def written(decisions: Decisions, documents: pl.DataFrame) -> pl.DataFrame:
    """Measured documents with the texts and spans that they are written with."""
    # Those that lost everything stay what they were, for drops are to hold it.
    shorter = decisions.shortened.drop_nulls("text").select("id", "text", "spans")
    if not len(shorter):
        return documents
    return documents.update(shorter, on="id")


def _streamed(decisions: Decisions, numbers: Numbers, verdict: str) -> pl.LazyFrame:
    """These documents with their ``verdict`` (split, reasons), read part by part when needed."""
    reason = pl.List(pl.Struct({"rule": pl.String(), "value": pl.String()}))
    kind = pl.String() if verdict == "split" else reason
    schema = dict.fromkeys(COLUMNS, pl.String()) | {verdict: kind}

    def frames(
        columns: list[str] | None, predicate: pl.Expr | None, limit: int | None, batch: int | None
    ) -> Iterator[pl.DataFrame]:
        for here, texts in decisions.corpus.read(COLUMNS, numbers):
            own = decisions.verdicts(here)["split"] if verdict == "split" else decisions.reasons(here)
            frame = written(decisions, texts).with_columns(own.alias(verdict)).select(list(schema))
            yield frame if columns is None else frame.select(columns)

    return register_io_source(frames, schema=schema)
