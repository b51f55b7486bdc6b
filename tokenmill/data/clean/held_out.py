"""Texts that must not stand in training data: those of other splits, and of test sets that the user names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tokenmill.core.errors import UserError
from tokenmill.data.clean.corpus import Corpus, Numbers
from tokenmill.data.shingles.units import Hashes, Places, shingles, units

if TYPE_CHECKING:
    import polars as pl

Named = tuple[list[str], "pl.Series"]
"""Names of texts, and the texts."""

Counts = npt.NDArray[np.uint32]

BATCH = 8192
"""Records of a file that are looked at together."""

NAME = 16
"""Units whose runs take about as much memory as the name of a text and, if it is short, its words."""

_EIGHT = np.uint64(3)
"""The place of a bit, shifted by so many places, is that of its byte."""


def documents(corpus: Corpus, chosen: Numbers) -> Iterator[Named]:
    """The documents ``chosen`` by id, part by part."""
    for _, frame in corpus.read(["id", "text"], chosen):
        yield frame["id"].to_list(), frame["text"]


def named_files(root: Path, names: Sequence[str], setting: str) -> Iterator[Named]:
    """The records of files that a setting names below ``root``, as ``file:line``; all that ingest can read.

    Raises:
        UserError: a file is missing, lies elsewhere, has a suffix that tells no format, or a bad line.
    """
    import polars as pl

    from tokenmill.data.ingest.files import SourceFile
    from tokenmill.data.ingest.formats import read_file
    from tokenmill.data.ingest.records import COLUMNS, Reject

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
    """Every run of ``size`` units of some held-out texts, and where it stands. A run takes 12 bytes."""

    size: int
    names: list[str]
    """Of the texts, sorted."""
    offsets: Places
    """(texts + 1,) the units of text i are those from ``offsets[i]`` up to ``offsets[i + 1]``."""
    runs: Hashes
    """Sorted; equal ones by place."""
    place: Counts
    """For each run its first unit, counted over all texts."""
    short: dict[str, str]
    """Names of texts of fewer than ``size`` units, by the text."""
    _seen: npt.NDArray[np.uint8] = field(repr=False)
    """A bit for each beginning of a run, set where there is one: most lookups end here."""

    def places(self, runs: Hashes, most: int) -> tuple[Places, Places]:
        """Where ``runs`` stand in held-out texts: numbers of runs, and units of held-out texts.

        Of a run that stands at more than ``most`` places only the first of them are given.
        """
        begins = runs >> self._shift(self._seen)
        (found,) = np.nonzero(self._seen[begins >> _EIGHT] >> (begins & np.uint64(7)).astype(np.uint8) & 1)
        found = found[np.argsort(runs[found])]  # sorted, they are looked up from neighbours in memory
        begin = np.searchsorted(self.runs, runs[found])
        there = self.runs.take(begin, mode="clip") == runs[found] if len(self.runs) else begin < 0
        found, begin = found[there], begin[there]
        count = (np.searchsorted(self.runs, runs[found], "right") - begin).clip(max=most)
        behind = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return np.repeat(found, count), self.place[np.repeat(begin, count) + behind].astype(np.int64)

    @classmethod
    def of(cls, named: Iterator[Named], size: int, most: int) -> "Table":
        """The table of the first of these texts, up to ``most`` units; the others stay in ``named``."""
        names: list[str] = []
        lengths, counts = np.zeros(0, np.int64), np.zeros(0, np.int64)
        columns = [np.zeros(0, np.uint64)]
        short: dict[str, str] = {}
        total = 0
        for some, texts in named:
            found = units(texts)
            own, offsets, _ = shingles(found, size)
            columns.append(own)
            lengths = np.concatenate((lengths, np.diff(found.offsets)))
            counts = np.concatenate((counts, np.diff(offsets)))
            for n in np.flatnonzero(np.diff(found.offsets) < size).tolist():
                short[texts[n]] = min(some[n], short.get(texts[n], some[n]))
            names += some
            total += len(found.hashes)
            if total + NAME * len(names) >= most:
                break
        # Texts come in any order; what is found must not depend on it, so they stand by name.
        by_name = np.array(sorted(range(len(names)), key=lambda n: (names[n], n)), np.int64)
        runs = np.concatenate(columns)
        del columns
        begins = np.cumsum(counts) - counts
        runs = runs[_stretches(begins[by_name], counts[by_name])]
        offsets = np.concatenate(([0], np.cumsum(lengths[by_name])))
        order = np.argsort(runs, kind="stable")
        place = _stretches(offsets[:-1], counts[by_name])[order]
        runs = runs[order]
        del order
        seen = np.zeros(1 << len(runs).bit_length(), np.uint8)
        bits = runs >> cls._shift(seen)
        np.bitwise_or.at(seen, bits >> _EIGHT, np.uint8(1) << (bits & np.uint64(7)).astype(np.uint8))
        return cls(size, sorted(names), offsets, runs, place, short, seen)

    @staticmethod
    def _shift(seen: npt.NDArray[np.uint8]) -> np.uint64:
        return np.uint64(64 - (len(seen).bit_length() + 2))


def _stretches(begins: Places, counts: Places) -> Counts:
    """``begin, begin + 1, ...`` of each stretch, ``count`` numbers, one stretch after the other."""
    skipped = begins - (np.cumsum(counts) - counts)
    numbers = np.arange(int(counts.sum()), dtype=np.uint32)
    numbers += np.repeat(skipped.astype(np.uint32), counts)  # modulo 2^32, so what is before fits too
    return numbers
