"""One part: a stretch of a raw table, normalised and measured, as one file.

A part is a pure function of the raw rows and the settings, so parts can be made in any order, in any process
and on any machine that sees the files, and again after a kill.
"""

import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stages.data_settings import MeasureSettings
from stages.measure.language import languages
from stages.measure.normalize import normalize
from stages.measure.pii import replace_pii
from stages.measure.quality import quality
from stages.measure.repetition import repetition
from stages.measure.signatures import signatures
from stages.measure.units import units
from stages.measure.words import words

if TYPE_CHECKING:
    import polars as pl

COLUMNS = ("id", "source", "text", "label", "target", "language")


@dataclass(frozen=True)
class Part:
    """Where a part's rows stand in ``data/raw``."""

    source: str
    number: int
    first: int
    rows: int

    @property
    def name(self) -> str:
        """Its path below ``data/measured``."""
        return f"{self.source}/{self.number:04d}.parquet"


def measure_part(raw: Path, part: Part, folder: Path, settings: MeasureSettings) -> str:
    """Measure one part of ``raw`` and write ``folder/<source>/<nnnn>.parquet`` whole; returns its name.

    Arguments and result can be pickled, so that it can run in another process.
    """
    import polars as pl

    table = pl.scan_parquet(raw / f"{part.source}.parquet").slice(part.first, part.rows)
    measured = measure_table(table.select(COLUMNS).collect(), part.source, settings)
    path = folder / part.name
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        # Settings are fixed, so that the bytes depend on the content alone.
        measured.write_parquet(
            temporary, compression="zstd", compression_level=1, statistics=False, row_group_size=1 << 18
        )
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return part.name


def measure_table(raw: "pl.DataFrame", source: str, settings: MeasureSettings) -> "pl.DataFrame":
    """Raw documents in their order, normalised, and with a column for each measure.

    Columns: id, source, text, label, target, language (found, not declared), language_score; those of
    :func:`~stages.measure.pii.replace_pii`, :func:`~stages.measure.quality.quality`,
    :func:`~stages.measure.words.words` and :func:`~stages.measure.repetition.repetition`; signature.
    """
    import polars as pl

    frame = raw.with_columns(
        normalize(raw["text"], settings), normalize(raw["target"], settings), source=pl.lit(source)
    )
    frame = replace_pii(frame) if settings.replace_pii else frame
    texts = frame["text"]
    found = units(texts)
    return pl.concat(
        [
            frame.with_columns(languages(texts, frame["language"])),
            quality(texts),
            words(found),
            repetition(texts, found),
            signatures(texts, settings).alias("signature").to_frame(),
        ],
        how="horizontal",
    )
