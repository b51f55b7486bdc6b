"""Small corpora of measured documents, as the rules about the whole corpus see them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from tokenmill.data.clean.corpus import Corpus, Numbers
from tokenmill.data.measure.part import content_hash
from tokenmill.data.shingles.signatures import signatures, whole
from tokenmill.data.shingles.units import units

Row = dict[str, str | None]


def document(id: str, text: str, label: str | None = None, target: str | None = None, **more: str) -> Row:
    """A document; ``more`` may name its split, source, group or spans."""
    return {"id": id, "text": text, "label": label, "target": target, "source": "s"} | more


def write_measured(folder: Path, rows: Sequence[Row], parts: int = 1) -> Corpus:
    """Write ``folder/s/00000<n>.parquet``, row i into part i modulo ``parts``, and open the corpus."""
    columns = ("id", "text", "label", "target", "source", "group", "spans", "fold", "split")
    empty = dict.fromkeys(columns)
    frame = pl.DataFrame([empty | row for row in rows], dict.fromkeys(columns, pl.String))
    frame = frame.with_columns(
        signatures(units(whole(frame))),
        text_hash=content_hash(frame["text"]),
        characters=pl.col("text").str.len_chars(),
    )
    (folder / "s").mkdir(parents=True, exist_ok=True)
    for number in range(parts):
        frame.gather_every(parts, number).write_parquet(folder / f"s/{number:06d}.parquet")
    return Corpus.of(folder, ["s"])


def every(corpus: Corpus) -> Numbers:
    """The numbers of all documents."""
    return np.arange(len(corpus))


def sides(corpus: Corpus) -> tuple[Numbers, Numbers]:
    """The documents whose split is train, and the others."""
    training = corpus.table(["split"], every(corpus))["split"].to_numpy() == "train"
    return np.flatnonzero(training), np.flatnonzero(~training)


def texts_of(rows: Sequence[Row]) -> Mapping[str, str]:
    """Texts by id."""
    return {str(row["id"]): str(row["text"]) for row in rows}
