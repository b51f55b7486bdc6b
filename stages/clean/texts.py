"""Reading some documents of data/measured, part by part."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import polars as pl

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Where each document of a table of keys stands: document i is row ``row[i]`` of ``paths[part[i]]``."""

    paths: tuple[Path, ...]
    part: npt.NDArray[np.uint32]
    row: npt.NDArray[np.uint32]

    @classmethod
    def of(cls, keys: "pl.DataFrame", measured: Path) -> "Rows":
        """Find the documents of ``keys`` (columns id, part) below ``measured``."""
        import polars as pl

        names = keys["part"].cast(pl.String)
        paths = names.unique().sort().to_list()
        part = names.replace_strict(paths, range(len(paths)), return_dtype=pl.UInt32).to_numpy()
        row = np.zeros(len(keys), np.uint32)
        for number, path in enumerate(paths):
            (here,) = np.nonzero(part == number)
            ids = pl.read_parquet(measured / path, columns=["id"]).with_row_index("row")
            wanted = keys[here].select("id").join(ids, on="id", how="left", maintain_order="left")
            row[here] = wanted["row"].to_numpy()
        return cls(tuple(measured / path for path in paths), part, row)

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
