"""Reading some documents of data/measured, part by part."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from stages.clean.keys import categories

if TYPE_CHECKING:
    import polars as pl

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Where each document of a table of keys stands: document i is row ``row[i]`` of ``paths[part[i]]``."""

    paths: tuple[Path, ...]
    part: npt.NDArray[np.unsignedinteger]
    row: npt.NDArray[np.uint32]

    @classmethod
    def of(cls, keys: "pl.DataFrame", measured: Path) -> "Rows":
        """The documents of ``keys`` (columns part, row) below ``measured``."""
        part = keys["part"]
        paths = tuple(measured / name for name in categories(part))
        return cls(paths, part.to_physical().to_numpy(), keys["row"].to_numpy())

    def read(
        self, columns: list[str], chosen: Numbers | None = None
    ) -> "Iterator[tuple[Numbers, pl.DataFrame]]":
        """For each part that holds any of them: numbers of documents, and their columns in that order."""
        import polars as pl

        numbers = np.arange(len(self.part)) if chosen is None else chosen
        numbers = numbers[np.argsort(self.part[numbers], kind="stable")]
        cuts = np.searchsorted(self.part[numbers], np.arange(len(self.paths) + 1))
        for path, begin, end in zip(self.paths, cuts[:-1], cuts[1:], strict=True):
            if begin < end:
                here = numbers[begin:end]
                yield here, pl.read_parquet(path, columns=columns)[self.row[here]]
