"""Parquet files whose bytes depend on their content alone."""

from pathlib import Path

import polars as pl

ROW_GROUP_BYTES = 32 << 20
"""Text in a row group: a reader needs about this much memory at a time."""


def write_parquet(frame: pl.LazyFrame, path: Path, *, rows: int, text_bytes: int) -> None:
    """Write a table with every setting fixed that could change the file.

    ``rows`` and ``text_bytes`` say how large it is, so that a row group comes to about ``ROW_GROUP_BYTES``.
    """
    per_group = rows * ROW_GROUP_BYTES // max(text_bytes, 1)
    frame.sink_parquet(
        path,
        compression="zstd",
        compression_level=3,
        statistics=True,
        row_group_size=min(max(per_group, 1), 1 << 18),
        maintain_order=True,
    )
