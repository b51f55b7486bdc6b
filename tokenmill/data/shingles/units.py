"""Texts as units, the "words" of every rule that counts words or n-grams, for Chinese and English alike.

A unit is one Han or kana character, or a run of other letters, digits and marks. Punctuation, symbols and
white space are no part of any unit. Letters are lower-cased and digits become 0, as datatrove does before it
looks for duplicates: a page that differs in a date or a price alone counts as the same page.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint32]

PLANES = 0x40000
"""Code points from here on are unassigned, tags or private: no units."""
WINDOW = 1 << 16
"""Characters looked at together: their arrays fit into a core's cache."""

PART, WHOLE = np.uint32(1 << 30), np.uint32(1 << 31)
"""Marks of a character that is a part of a run, and of one that is a unit of its own."""


@dataclass(frozen=True)
class Units:
    """The units of a batch of texts, one text after the other."""

    hashes: Hashes
    """(units,) one 64-bit hash each; the same on every machine and in every version of our packages."""
    offsets: Places
    """(texts + 1,) the units of text i are those from ``offsets[i]`` up to ``offsets[i + 1]``."""
    starts: Places
    """(units,) position of the first character, in characters from the start of the unit's own text."""
    ends: Places
    """(units,) position after the last character, counted likewise."""


def units(texts: pl.Series) -> Units:
    """The units of each text; none for null. Memory is about 30 bytes for a unit and 4 for a character.

    A run of more than ``WINDOW`` characters may become several units.
    """
    lengths = texts.str.len_chars().fill_null(0).to_numpy().astype(np.int64)
    begins = np.concatenate(([0], np.cumsum(lengths + 1)))  # one character between texts keeps them apart
    joined = "\n".join(texts.fill_null("").to_list())
    codes = np.frombuffer(joined.encode("utf-32-le"), np.uint32)
    alphabet = _alphabet()
    pieces = [_units_of(codes[a:b], alphabet, a) for a, b in _windows(codes, alphabet)]
    pieces.append((np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(0, np.int64)))  # at least one
    hashes, starts, ends = (np.concatenate(part) for part in zip(*pieces, strict=True))
    offsets = np.searchsorted(starts, begins)
    own = np.repeat(begins[:-1], np.diff(offsets))
    return Units(hashes, offsets, starts - own, ends - own)


def shingles(found: Units, size: int) -> tuple[Hashes, Places, Places]:
    """Every run of ``size`` neighbouring units within a text, copies included.

    Returns:
        hashes (shingles,), offsets (texts + 1,) as in :class:`Units`, and for each shingle the number of its
        first unit.
    """
    counts = np.diff(found.offsets)
    (first,) = np.nonzero(np.arange(len(found.hashes)) + size <= np.repeat(found.offsets[1:], counts))
    mixed = np.zeros(max(len(found.hashes) - size + 1, 0), np.uint64)
    for place in range(size):
        mixed *= _FACTOR
        mixed += found.hashes[place : place + len(mixed)]
    offsets = np.concatenate(([0], np.cumsum((counts - size + 1).clip(min=0))))
    return scramble(mixed[first]), offsets, first


def scramble(values: Hashes) -> Hashes:
    """Every bit of the result depends on every bit of the value (SplitMix64's, Steele 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


_FACTOR = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so that multiplying by it loses nothing modulo 2^64 (2^64 over the golden ratio)."""


@cache
def _alphabet() -> Codes:
    """For each code point what it is folded to, with its mark; 0 for those outside of units.

    Taken from polars, whose version is pinned, rather than from Python, whose Unicode tables differ from
    release to release.
    """
    points = [point for point in range(PLANES) if not 0xD800 <= point < 0xE000]
    characters = pl.Series([chr(point) for point in points])
    lower = characters.str.to_lowercase().str.slice(0, 1).str.replace(r"^\p{Nd}$", "0")
    folded = np.frombuffer("".join(lower).encode("utf-32-le"), np.uint32)
    whole = characters.str.contains(r"^[[\p{Han}\p{Hiragana}\p{Katakana}]&&[\p{L}\p{N}]]").to_numpy()
    part = characters.str.contains(r"^[\p{L}\p{M}\p{N}]").to_numpy()
    table = np.zeros(PLANES + 1, np.uint32)  # the last entry stands for all that lies beyond
    table[points] = np.where(whole, folded | WHOLE, np.where(part, folded | PART, 0))
    return table


def _windows(codes: Codes, alphabet: Codes) -> Iterator[tuple[int, int]]:
    """Neighbouring stretches of at most ``WINDOW`` characters that cut no run, if it can be helped."""
    start = 0
    while start < len(codes):
        end = cut = min(start + WINDOW, len(codes))
        while end < len(codes) and cut > start and alphabet[min(codes[cut - 1], PLANES)] & PART:
            cut -= 1
        end = cut if cut > start else end
        yield start, end
        start = end


def _units_of(codes: Codes, alphabet: Codes, begin: int) -> tuple[Hashes, Places, Places]:
    """Hashes, starts and ends of the units in one window that begins at ``begin``.

    The hash of a run is a polynomial in its characters modulo 2^64: the difference of two running sums.
    """
    signs = alphabet.take(codes.clip(max=PLANES))
    whole, part = signs >= WHOLE, (signs & PART).astype(np.bool_)
    first, last = part.copy(), part.copy()
    first[1:] &= ~part[:-1]
    last[:-1] &= ~part[1:]
    starts = np.flatnonzero(whole | first)
    ends = np.flatnonzero(whole | last) + 1
    power, inverse = _powers()
    sums = np.zeros(len(signs) + 1, np.uint64)
    np.cumsum(signs * power[: len(signs)], out=sums[1:])
    hashes = (sums.take(ends) - sums.take(starts)) * inverse.take(starts)
    return scramble(hashes), starts + begin, ends + begin


@cache
def _powers() -> tuple[Hashes, Hashes]:
    """``_FACTOR`` to the power of 0, 1, ..., and the inverses of those numbers modulo 2^64."""
    return _powers_of(int(_FACTOR)), _powers_of(pow(int(_FACTOR), -1, 1 << 64))


def _powers_of(base: int) -> Hashes:
    powers = np.full(WINDOW + 1, base, np.uint64)
    powers[0] = 1
    return np.cumprod(powers)
