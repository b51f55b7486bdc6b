"""Counters of words, where a word is a unit of :mod:`tokenmill.data.shingles.units`."""

from functools import cache

import numpy as np
import polars as pl

from tokenmill.data.shingles.units import Hashes, Places, Units, units

STOP_WORDS = {
    "en": ("the", "be", "to", "of", "and", "that", "have", "with"),
    "zh": tuple("的年在月是和日了於为為有被人中他與与後后也而由不这這我"),
}
"""What nearly every running text has some of: English of Gopher (Rae et al. 2021, appendix A1); Chinese of
FineWeb-2 (cmn_Hani), with the simplified forms that it leaves out and four that speech is full of."""

LONGEST_NUMBER = 20
"""Digits up to which a word is known as a number; longer ones are rare and count as words with letters."""


def word_counts(found: Units) -> pl.DataFrame:
    """Columns ``words``, ``word_characters`` (all of them together), ``numbers`` (words of digits alone),
    ``stop_words_en`` and ``stop_words_zh`` (how many different ones), each UInt32.
    """
    total = np.concatenate(([0], np.cumsum(found.ends - found.starts)))[found.offsets]
    columns = {
        "words": np.diff(found.offsets),
        "word_characters": np.diff(total),
        "numbers": _occurrences(found, _hashes(tuple("0" * size for size in range(1, LONGEST_NUMBER + 1)))),
    }
    for language, stop in STOP_WORDS.items():
        columns[f"stop_words_{language}"] = _distinct(found, _hashes(stop))
    return pl.DataFrame(columns).cast(pl.UInt32)


@cache
def _hashes(vocabulary: tuple[str, ...]) -> Hashes:
    """One hash for each word, sorted."""
    return np.sort(units(pl.Series(vocabulary, dtype=pl.String)).hashes)


def _places(found: Units, vocabulary: Hashes) -> tuple[Places, Places]:
    """Which units are in the vocabulary, and which entry each of these is."""
    # Most words are told apart from all of the vocabulary by 16 bits of their hash.
    low = np.uint64(0xFFFF)
    candidate = np.zeros(1 << 16, np.bool_)
    candidate[vocabulary & low] = True
    (places,) = np.nonzero(candidate[found.hashes & low])
    hashes = found.hashes[places]
    entry = np.searchsorted(vocabulary, hashes).clip(max=len(vocabulary) - 1)
    same = vocabulary[entry] == hashes
    return places[same], entry[same]


def _occurrences(found: Units, vocabulary: Hashes) -> Places:
    places, _ = _places(found, vocabulary)
    return np.diff(np.searchsorted(places, found.offsets))


def _distinct(found: Units, vocabulary: Hashes) -> Places:
    places, entry = _places(found, vocabulary)
    owner = np.searchsorted(found.offsets, places, side="right") - 1
    # A text and an entry as one number: what is left of copies is counted.
    pairs = np.unique(owner * len(vocabulary) + entry)
    return np.bincount(pairs // len(vocabulary), minlength=len(found.offsets) - 1)
