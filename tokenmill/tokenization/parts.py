"""Stretches of clean's tables, read one at a time: memory does not grow with the corpus."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tokenmill.core.errors import UserError
from tokenmill.core.splits import SPLITS, Split

PART_BYTES = 8 << 20
"""UTF-8 bytes of text in a part, about."""


@dataclass(frozen=True)
class Part:
    """Some rows of a source's table; small enough to be sent to another process, which then reads them."""

    path: Path
    first: int
    rows: int

    def texts(self) -> dict[Split, list[str]]:
        """The texts of each split, in the table's order."""
        table = (
            pl.scan_parquet(self.path, glob=False)
            .slice(self.first, self.rows)
            .select("text", "split")
            .collect()
        )
        return {split: table.filter(pl.col("split") == split)["text"].to_list() for split in SPLITS}


@dataclass(frozen=True)
class Table:
    """The documents of a source."""

    parts: tuple[Part, ...]
    """In the table's order; together they are all of it."""
    bytes: dict[Split, int]
    """UTF-8 bytes of each split's texts."""

    def texts(self, split: Split) -> Iterator[str]:
        """The texts of one split, in the table's order, read part by part."""
        for part in self.parts:
            yield from part.texts()[split]


def open_table(clean: Path, source: str) -> Table:
    """The documents that clean kept of a source.

    Raises:
        UserError: clean has no table of the source.
    """
    path = clean / "documents" / f"{source}.parquet"
    if not path.exists():
        raise UserError(f"{path}: missing; make it with `dvc repro -f clean`")
    sizes = (
        pl.scan_parquet(path, glob=False)
        .group_by("split")
        .agg(pl.len().alias("rows"), pl.col("text").str.len_bytes().cast(pl.Int64).sum().alias("bytes"))
        .collect(engine="streaming")
    )
    rows, size = int(sizes["rows"].sum()), int(sizes["bytes"].sum())
    step = max(1, rows * PART_BYTES // max(1, size))
    parts = tuple(Part(path, first, min(step, rows - first)) for first in range(0, rows, step))
    found = dict(zip(sizes["split"], sizes["bytes"], strict=True))
    return Table(parts, {split: found.get(split, 0) for split in SPLITS})
