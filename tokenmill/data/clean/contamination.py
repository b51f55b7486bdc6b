"""Training documents that hold what models are tested on.

Text counts as the same where 13 units in a row agree (:mod:`tokenmill.data.shingles.units`: words, and
characters of Chinese). Thirteen is GPT-3's number for words (Brown et al. 2020, appendix C); thirteen
characters of Chinese are often no more than a name or a set phrase, so a document goes only if such runs
cover a large share of it, or of one held-out document. Two different runs have the same 64-bit hash once in
10^19: no look at the units is needed to know that a share is true.
"""

from itertools import chain

import numpy as np
import numpy.typing as npt
import polars as pl

from tokenmill.data.clean.corpus import Corpus, Numbers
from tokenmill.data.clean.held_out import Table, texts_by_id
from tokenmill.data.clean.settings import ContaminationSettings
from tokenmill.data.shingles.units import shingles, units

RUN = 13
TABLE = 8 << 20
"""Units of held-out text in memory at a time, about 100 MB. Training text is read once for each table."""
PLACES = 16
"""Places at which a run is looked up in held-out text; what stands at more is a set phrase."""

Overlap = tuple[int, float, str, str]
"""Number of a text, share, span, and the name of the held-out text."""


def contamination(
    corpus: Corpus, training: Numbers, held_out: Numbers, tests: Corpus, settings: ContaminationSettings
) -> pl.DataFrame:
    """Training documents that overlap too much with a held-out document, or with one of ``tests``.

    Their texts are compared, not their targets. A held-out text of fewer than RUN units is found only where
    it is the whole of a training text.

    Returns:
        A row for each document that overlaps by more than ``max_share``, sorted by id: number; id; share, of
        its own units or of the held-out document's, whichever is larger, for the held-out document where it
        is largest; span, the longest passage that the two share; found_in, the other's id.
    """
    texts = chain(texts_by_id(corpus, held_out), texts_by_id(tests))
    found: list[tuple[int, str, float, str, str]] = []
    while len((table := Table.of(texts, RUN, TABLE)).names):
        for numbers, frame in corpus.read(["id", "text"], training):
            ids = frame["id"]
            worst = overlaps(frame["text"], table, settings.max_share)
            found += [(int(numbers[n]), ids[n], share, span, name) for n, share, span, name in worst]
    schema = {"number": pl.Int64, "id": pl.String, "share": pl.Float64} | dict.fromkeys(
        ("span", "found_in"), pl.String
    )
    every = pl.DataFrame(found, schema, orient="row")
    every = every.sort("id", "share", "found_in", descending=[False, True, False])
    return every.unique("id", keep="first", maintain_order=True)


def overlaps(texts: pl.Series, table: Table, max_share: float) -> list[Overlap]:
    """For each text that overlaps a held-out one by more than ``max_share`` the worst of its overlaps."""
    found = units(texts)
    runs, _, first = shingles(found, table.size)
    begin, there, count = _stretches(first, *table.places(runs, PLACES), len(found.hashes))
    text = np.searchsorted(found.offsets, begin, "right") - 1
    other = np.searchsorted(table.offsets, there, "right") - 1
    pairs, pair = np.unique(text * len(table.names) + other, return_inverse=True)
    text, other = np.divmod(pairs, max(len(table.names), 1))
    length, other_length = np.diff(found.offsets)[text], np.diff(table.offsets)[other]
    # Stretches may overlap, so they cover no more than their sum; most pairs are out of question by that.
    most = np.bincount(pair, weights=count + table.size - 1, minlength=len(pairs))
    share = np.zeros(len(pairs))
    possible = most / np.minimum(length, other_length) > max_share
    pair, begin, there, count = (column[possible[pair]] for column in (pair, begin, there, count))
    behind = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    pair, begin, there = (np.repeat(column, count) for column in (pair, begin, there))
    begin, there = begin + behind, there + behind
    share[possible] = np.maximum(
        _covered(pair, begin, table.size) / length[possible],
        _covered(pair, there, table.size) / other_length[possible],
    )
    result: dict[int, Overlap] = {
        n: (n, 1.0, texts[n], table.short[texts[n]])
        for n in texts.is_in(list(table.short)).fill_null(False).arg_true().to_list()
    }
    worst_first = np.lexsort((other, -share, text))
    for worst in worst_first[share[worst_first] > max_share].tolist():
        n = int(text[worst])
        if n not in result:
            start, end = _longest(np.unique(begin[pair == worst]), table.size)
            span = texts[n][found.starts[start] : found.ends[end - 1]]
            result[n] = (n, float(share[worst]), span, table.names[other[worst]])
    return [result[n] for n in sorted(result)]


def _stretches(first: Numbers, runs: Numbers, there: Numbers, units: int) -> tuple[Numbers, Numbers, Numbers]:
    """Runs that follow each other here and in held-out text: first unit here, first unit there, how many.

    ``runs`` and ``there``: numbers of runs and units of held-out text; ``first``: the first unit of each run.
    A stretch stands in one text on both sides, for no run reaches over the end of a text.
    """
    # Of neighbours both units grow by one, so their difference stays: as one number they grow by one.
    bits = units.bit_length()
    here = first[runs]
    both = np.sort((there - here + units << bits) | here)
    new = np.ones(len(both), np.bool_)
    new[1:] = both[1:] != both[:-1] + 1
    starts = np.flatnonzero(new)
    begin = both[starts] & ((1 << bits) - 1)
    return begin, (both[starts] >> bits) - units + begin, np.diff(np.append(starts, len(both)))


def _covered(pair: Numbers, begin: Numbers, size: int) -> npt.NDArray[np.int64]:
    """For each different pair how many units its runs of ``size`` units cover that begin at these places."""
    order = np.lexsort((begin, pair))
    pair, begin = pair[order], begin[order]
    last = np.ones(len(pair), np.bool_)
    last[:-1] = pair[1:] != pair[:-1]
    length = np.full(len(pair), size)
    length[:-1] = np.where(last[:-1], size, (begin[1:] - begin[:-1]).clip(max=size))
    return np.bincount(pair, weights=length)[pair[last]].astype(np.int64)


def _longest(begins: Numbers, size: int) -> tuple[int, int]:
    """The longest stretch that runs of ``size`` units cover: its first unit, and one past its last."""
    cuts = np.flatnonzero(np.diff(begins) > size) + 1
    stretches = [(int(part[0]), int(part[-1]) + size) for part in np.split(begins, cuts)]
    return max(stretches, key=lambda stretch: (stretch[1] - stretch[0], -stretch[0]))
