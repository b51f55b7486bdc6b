"""How much of a text repeats itself, by n-grams of words.

A word is a unit of :mod:`tokenmill.data.shingles.units`, so case and the values of digits make no difference.
What Gopher (Rae et al. 2021, table A1) leaves open is settled like this:

- An n-gram is repeated where it stands at least twice in the same text.
- ``top_N_gram_characters``: of the repeated N-gram whose occurrences have the most characters, those
  characters; nothing where no N-gram is repeated. Overlapping occurrences all count, up to the whole text.
- ``duplicate_N_gram_characters``: characters of the words that any occurrence of a repeated N-gram covers,
  the first occurrence included, each character once (as in RedPajama-v2 and DCLM; datatrove leaves the first
  occurrence out, so its shares are about half as large).
- Shares are of ``word_characters``: spaces and punctuation count on neither side.
"""

from itertools import pairwise

import numpy as np
import polars as pl

from tokenmill.data.shingles.units import Hashes, Places, Units, scramble

TOP = (2, 3, 4)
DUPLICATE = (5, 6, 7, 8, 9, 10)
BLOCK = 1 << 18
"""Words looked at together, so that their arrays stay in a core's cache; a longer text is a block alone."""
_FACTOR = np.uint64(0xD1342543DE82EF95)
"""Odd multiplier of the hash of an n-gram (a 64-bit multiplier of Steele & Vigna 2021)."""


def repetition(found: Units) -> pl.DataFrame:
    """Columns ``top_{2,3,4}_gram_characters`` and ``duplicate_{5..10}_gram_characters``, UInt32, by text.

    A repeated n-gram is made of two repeated (n-1)-grams, so each n looks only at what the one before left:
    after the first step that is little, unless a text is nothing but repetition.
    """
    borders = np.searchsorted(found.offsets, np.arange(0, len(found.hashes), BLOCK))
    cuts = np.unique(np.concatenate((borders, [0, len(found.offsets) - 1])))
    blocks = [_block(_between(found, a, b)) for a, b in pairwise(cuts)]
    blocks = blocks or [_block(found)]
    columns = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    return pl.DataFrame(columns).cast(pl.UInt32)


def _between(found: Units, first: int, last: int) -> Units:
    """The units of the texts from ``first`` up to ``last``."""
    a, b = found.offsets[first], found.offsets[last]
    offsets = found.offsets[first : last + 1] - a
    return Units(found.hashes[a:b], offsets, found.starts[a:b], found.ends[a:b])


def _block(found: Units) -> dict[str, Places]:
    """The columns of some texts."""
    counts = np.diff(found.offsets)
    owner = np.repeat(np.arange(len(counts)), counts)
    before = np.concatenate(([0], np.cumsum(found.ends - found.starts)))  # characters before each unit
    whole = np.diff(before[found.offsets])
    columns = {f"top_{n}_gram_characters": np.zeros(len(counts), np.int64) for n in TOP}
    columns |= {f"duplicate_{n}_gram_characters": np.zeros(len(counts), np.int64) for n in DUPLICATE}
    # Position of the first unit of each n-gram that is looked at, and its hash.
    places: Places = np.arange(len(owner))
    hashes = found.hashes + scramble(owner.astype(np.uint64))  # equal n-grams of two texts are not equal
    for n in range(TOP[0], DUPLICATE[-1] + 1):
        # An n-gram begins where two neighbouring (n-1)-grams of one text begin.
        follows = np.flatnonzero((places[1:] == places[:-1] + 1) & (owner[places[1:]] == owner[places[:-1]]))
        places = places[follows]
        hashes = hashes[follows] * _FACTOR + found.hashes[places + n - 1]
        repeated, group, times = _repeated(scramble(hashes))
        if n in TOP:
            _top(columns[f"top_{n}_gram_characters"], owner, before, places, n, group, times)
        places, hashes = places[repeated], hashes[repeated]
        if not len(places):
            break
        if n in DUPLICATE:
            # Characters from where the occurrence before it ends, or from its own start.
            fresh = np.maximum(places, np.concatenate(([0], places[:-1] + n)))
            new = before[places + n] - before[np.minimum(fresh, places + n)]
            covered = np.bincount(owner[places], weights=new, minlength=len(counts))
            columns[f"duplicate_{n}_gram_characters"] = covered.astype(np.int64)
    return {name: np.minimum(values, whole) for name, values in columns.items()}


def _repeated(hashes: Hashes) -> tuple[np.ndarray, Places, Places]:
    """Which hashes occur several times; of each of these the index of one occurrence, and their number."""
    order = np.argsort(hashes)
    ordered = hashes[order]
    begins = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))) if len(ordered) else order
    times = np.diff(np.append(begins, len(ordered)))
    repeated = np.zeros(len(hashes), np.bool_)
    repeated[order] = np.repeat(times > 1, times)
    several = times > 1
    return repeated, order[begins[several]], times[several]


def _top(
    into: Places, owner: Places, before: Places, places: Places, n: int, group: Places, times: Places
) -> None:
    """Write the characters of each text's top n-gram into ``into``."""
    first = places[group]
    np.maximum.at(into, owner[first], times * (before[first + n] - before[first]))
