"""A table of the runs of words in held-out texts, which must not stand in training data."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl

from tokenmill.data.clean.corpus import Corpus, Numbers
from tokenmill.data.shingles.units import Hashes, Places, shingles, units

Named = tuple[list[str], pl.Series]
"""Ids of documents, and their texts."""

Counts = npt.NDArray[np.uint32]

NAME = 16
"""Units whose runs take about as much memory as the name of a text and, if it is short, its words."""

_EIGHT = np.uint64(3)
"""The place of a bit, shifted by so many places, is that of its byte."""


def texts_by_id(corpus: Corpus, chosen: Numbers | None = None) -> Iterator[Named]:
    """The texts of the documents ``chosen`` (None: all), part by part."""
    for _, frame in corpus.read(["id", "text"], chosen):
        yield frame["id"].to_list(), frame["text"]


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
    def of(cls, named: Iterator[Named], size: int, most: int) -> Self:
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
