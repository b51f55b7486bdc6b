"""Small tables of measured documents, and the keys that corpus rules see."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from stages.measure.signatures import signatures, whole
from stages.measure.units import units

Row = dict[str, str | None]


def document(id: str, text: str, label: str | None = None, target: str | None = None, **more: str) -> Row:
    """A document; ``more`` may name its split or source."""
    return {"id": id, "text": text, "label": label, "target": target, "source": "s"} | more


def write_measured(folder: Path, rows: Sequence[Row], parts: int = 1) -> pl.DataFrame:
    """Write ``folder/s/00000<n>.parquet``, row i into part i modulo ``parts``; returns the keys."""
    schema = dict.fromkeys(("id", "text", "label", "target", "source", "split"), pl.String)
    frame = pl.DataFrame([{"split": None} | row for row in rows], schema)
    frame = frame.with_columns(
        signatures(units(whole(frame))),
        part=pl.format("s/{}.parquet", pl.int_range(pl.len()).mod(parts).cast(pl.String).str.zfill(6)).cast(
            pl.Enum([f"s/{number:06d}.parquet" for number in range(parts)])
        ),
        row=(pl.int_range(pl.len()) // parts).cast(pl.UInt32),
        characters=pl.col("text").str.len_chars(),
        bytes=pl.col("text").str.len_bytes(),
        target_bytes=pl.col("target").str.len_bytes(),
    )
    for (part,), own in frame.group_by("part"):
        (folder / str(part)).parent.mkdir(parents=True, exist_ok=True)
        own.drop("part", "split").write_parquet(folder / str(part))
    return frame.drop("text", "target", "signature")


def texts_of(rows: Sequence[Row]) -> Mapping[str, str]:
    """Texts by id."""
    return {str(row["id"]): str(row["text"]) for row in rows}
