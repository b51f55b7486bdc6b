"""Texts that must not stand in training data: those of other splits, and of test sets that the user names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lm.errors import UserError
from stages.clean.texts import Rows
from stages.measure.units import Hashes, shingles, units

if TYPE_CHECKING:
    import polars as pl

Named = tuple[list[str], "pl.Series"]
"""Names of texts, and the texts."""

Counts = npt.NDArray[np.uint32]

BATCH = 8192
"""Records of a file that are looked at together."""


def documents(keys: "pl.DataFrame", measured: Path) -> Iterator[Named]:
    """The documents of ``keys`` by id, part by part."""
    import polars as pl

    ids = keys["id"].rechunk()
    for numbers, frame in Rows.of(keys, measured).read(["text"]):
        # Copied, for a selection of rows keeps all texts of its part in memory.
        texts = pl.Series(frame["text"].to_list(), dtype=pl.String)
        yield ids.gather(numbers).to_list(), texts


def named_files(root: Path, names: Sequence[str], setting: str) -> Iterator[Named]:
    """The records of files that a setting names below ``root``, as ``file:line``; all that ingest can read.

    Raises:
        UserError: a file is missing, lies elsewhere, has a suffix that tells no format, or a bad line.
    """
    import polars as pl

    from stages.ingest.files import SourceFile
    from stages.ingest.formats import read_file
    from stages.ingest.records import COLUMNS, Reject

    where = f"params.yaml: {setting}"
    for name in names:
        path = root / name
        if not path.resolve().is_relative_to(root.resolve()):
            raise UserError(f"{where} must stay below {root.as_posix()}, got {name!r}; put the file there")
        if not path.is_file():
            raise UserError(f"{where}: {path.as_posix()} is no file; mend the name")
        lines: list[str] = []
        texts: list[str] = []
        for row in read_file(SourceFile(name, path), "auto", dict(zip(COLUMNS, COLUMNS, strict=True)), set()):
            if isinstance(row, Reject):
                raise UserError(f"{path.as_posix()} line {row.line}: {row.reason}; mend or remove it")
            lines.append(f"{name}:{row.line}")
            texts.append(row.text)
            if len(texts) == BATCH:
                yield lines, pl.Series(texts, dtype=pl.String)
                lines, texts = [], []
        yield lines, pl.Series(texts, dtype=pl.String)


@dataclass(frozen=True)
class Table:
    """Every run of ``size`` units of some held-out texts, and where it stands."""

    size: int
    names: list[str]
    """Of the texts, sorted."""
    lengths: npt.NDArray[np.int64]
    """Units of each text."""
    runs: Hashes
    """Sorted; equal ones by text and position."""
    text: Counts
    """For each run the number of its text."""
    position: Counts
    """For each run the unit of its text at which it begins."""
    short: dict[str, str]
    """Names of texts of fewer than ``size`` units, by the text."""
    _seen: npt.NDArray[np.bool_] = field(repr=False)
    """Whether any run begins with these bits: most lookups end here."""

    def places(self, runs: Hashes, most: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Where ``runs`` stand in held-out texts: numbers of runs, and of entries of the table.

        Of a run that stands at more than ``most`` places only the first of them are given.
        """
        (found,) = np.nonzero(self._seen[runs >> self._shift(self._seen)])
        found = found[np.argsort(runs[found])]  # sorted, they are looked up from neighbours in memory
        begin = np.searchsorted(self.runs, runs[found])
        there = self.runs.take(begin, mode="clip") == runs[found] if len(self.runs) else begin < 0
        found, begin = found[there], begin[there]
        count = (np.searchsorted(self.runs, runs[found], "right") - begin).clip(max=most)
        behind = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return np.repeat(found, count), np.repeat(begin, count) + behind

    @classmethod
    def of(cls, named: Sequence[Named], size: int) -> "Table":
        """The table of these texts."""
        names = [name for some, _ in named for name in some]
        rank = np.empty(len(names), np.int64)
        rank[sorted(range(len(names)), key=lambda number: (names[number], number))] = np.arange(len(names))
        lengths = np.zeros(len(names), np.int64)
        columns: list[tuple[Hashes, Counts, Counts]] = []
        short: dict[str, str] = {}
        begin = 0
        for some, texts in named:
            found = units(texts)
            runs, offsets, first = shingles(found, size)
            own = rank[begin : begin + len(some)]
            counts = np.diff(found.offsets)
            lengths[own] = counts
            text_of = np.repeat(own, np.diff(offsets)).astype(np.uint32)
            place = (first - np.repeat(found.offsets[:-1], np.diff(offsets))).astype(np.uint32)
            columns.append((runs, text_of, place))
            for n in np.flatnonzero(counts < size).tolist():
                short[texts[n]] = min(some[n], short.get(texts[n], some[n]))
            begin += len(some)
        runs = np.concatenate([column[0] for column in columns])
        text, position = (np.concatenate([column[n] for column in columns]) for n in (1, 2))
        del columns
        order = np.lexsort((position, text, runs))
        runs = runs[order]
        seen = np.zeros(1 << min(max(int(len(runs) * 8).bit_length(), 10), 26), np.bool_)
        seen[runs >> cls._shift(seen)] = True
        return cls(
            size,
            sorted(names),
            lengths,
            runs,
            text[order],
            position[order],
            short,
            seen,
        )

    @staticmethod
    def _shift(seen: npt.NDArray[np.bool_]) -> np.uint64:
        return np.uint64(64 - (len(seen).bit_length() - 1))
