"""Tables of any length into one parquet file each, in bounded memory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tokenmill.data.documents.parquet import write_parquet

BATCH_BYTES = 32 << 20
"""Text held before it goes to disk."""

DOCUMENTS = ("id", "source", "text", "label", "target", "language", "group", "spans", "fold")
REJECTS = ("file", "line", "reason", "raw")


def _schema(columns: tuple[str, ...]) -> dict[str, type[pl.DataType]]:
    return {name: pl.Int64 if name == "line" else pl.String for name in columns}


class TableWriter:
    """Collects rows, spills them to a folder in parts, and joins the parts into one file at the end."""

    def __init__(self, columns: tuple[str, ...], folder: Path, batch_bytes: int = BATCH_BYTES) -> None:
        self.rows = 0
        self._columns = columns
        self._folder = folder
        self._batch_bytes = batch_bytes
        self._buffer: list[tuple[Any, ...]] = []
        self._buffered = 0
        self._bytes = 0
        self._parts: list[Path] = []
        folder.mkdir(parents=True)

    def add(self, row: tuple[Any, ...]) -> None:
        """Append a row, in the order of the table's columns."""
        self._buffer.append(row)
        self.rows += 1
        # Characters times three bound the bytes of Chinese; the row itself costs about 200.
        self._buffered += 200 + 3 * sum(len(value) for value in row if isinstance(value, str))
        if self._buffered >= self._batch_bytes:
            self._spill()

    def _spill(self) -> None:
        if not self._buffer:
            return
        part = self._folder / f"{len(self._parts):06d}.parquet"
        frame = pl.DataFrame(self._buffer, schema=_schema(self._columns), orient="row")
        frame.write_parquet(part, compression="zstd", compression_level=1)
        self._parts.append(part)
        self._bytes += self._buffered
        self._buffer, self._buffered = [], 0

    def finish(self, path: Path, *, labels: Mapping[str, str] | None = None) -> None:
        """Write all rows, in the order they were added, to ``path``, and some ``labels`` as others."""
        self._spill()
        frame = (
            pl.scan_parquet(self._parts, glob=False)
            if self._parts
            else pl.LazyFrame(schema=_schema(self._columns))
        )
        if labels:
            frame = frame.with_columns(pl.col("label").replace(labels))
        write_parquet(frame, path, rows=self.rows, text_bytes=self._bytes)
