"""Documents of data/measured by number: those of the first part in their order, then the second's.

Decisions about the whole corpus are arrays with an entry for each number. Ids, labels and texts are read
when they are needed, part by part or of a few documents.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl

from tokenmill.core.files import read_json

Numbers = npt.NDArray[np.int64]
"""Of documents, in ascending order unless said otherwise."""


@dataclass(frozen=True)
class Corpus:
    """Where each document stands."""

    paths: tuple[Path, ...]
    """The part files, by source and number."""
    starts: Numbers
    """(parts + 1,) number of the first document of each part, and of all documents."""

    @classmethod
    def of(cls, measured: Path, sources: Iterable[str]) -> Self:
        """All documents of these sources below ``measured``."""
        paths = tuple(
            path for name in sorted(sources) for path in sorted((measured / name).glob("*.parquet"))
        )
        counts = (pl.scan_parquet(path).select(pl.len()).collect().item() for path in paths)
        return cls(paths, np.fromiter(accumulate(counts, initial=0), np.int64))

    def __len__(self) -> int:
        return int(self.starts[-1])

    @property
    def sources(self) -> list[str]:
        """Names of all sources, those without documents too."""
        return sorted({path.parent.name for path in self.paths})

    def numbers_of(self, source: str) -> range:
        """The documents of a source."""
        parts = [place for place, path in enumerate(self.paths) if path.parent.name == source]
        return range(int(self.starts[parts[0]]), int(self.starts[parts[-1] + 1]))

    def read(
        self, columns: Iterable[str], chosen: Numbers | None = None
    ) -> Iterator[tuple[Numbers, pl.DataFrame]]:
        """For each part that holds any of ``chosen`` (None: all) their numbers, and these columns of them."""
        names = list(columns)
        numbers = np.arange(len(self)) if chosen is None else chosen
        cuts = np.searchsorted(numbers, self.starts)
        for path, start, begin, end in zip(self.paths, self.starts, cuts[:-1], cuts[1:], strict=False):
            if begin < end:
                here = numbers[begin:end]
                part = pl.read_parquet(path, columns=names)
                found = part[here - start]
                # A selection keeps the strings of its whole part in memory, unless it is copied.
                few = 2 * found.height < part.height
                yield here, pl.read_ipc_stream(found.write_ipc_stream(None).getvalue()) if few else found

    def table(self, columns: Iterable[str], chosen: Numbers) -> pl.DataFrame:
        """These columns of some documents, after their numbers (``number``, Int64); all in memory."""
        names = list(columns)
        frames = [frame.with_columns(number=pl.Series(here)) for here, frame in self.read(names, chosen)]
        empty = pl.scan_parquet(self.paths[0]).head(0).select(names).collect()
        empty = empty.with_columns(number=pl.lit(None, pl.Int64))
        return pl.concat([empty, *frames]).select("number", *names)


def sources_by_role(measured: Path) -> dict[str, list[str]]:
    """Names of the measured sources by their role: text, test, good, bad."""
    raw = read_json(measured / "manifest.json", "make it with `dvc repro measure`")["raw"]
    found: dict[str, list[str]] = {role: [] for role in ("text", "test", "good", "bad")}
    for name, entry in raw.items():
        found[entry["role"]].append(name)
    return found


def repeated(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """For each of them whether it stands there more than once. Takes 16 bytes of memory for each."""
    ordered = np.sort(hashes)
    again = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    del ordered
    result = np.zeros(len(hashes), np.bool_)
    for begin in range(0, len(hashes) if len(again) else 0, 1 << 18):
        some = hashes[begin : begin + (1 << 18)]
        place = np.searchsorted(again, some).clip(max=len(again) - 1)
        result[begin : begin + len(some)] = again[place] == some
    return result
