"""Similarity of texts, compared with sets in Python."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tokenmill.data.shingles.similar import similar_texts

WORDS = st.lists(st.sampled_from(["a", "b", "好", "see", "去"]), max_size=12).map(" ".join)
TEXTS = st.lists(WORDS, max_size=6)


def shingles(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[n : n + 5]) for n in range(len(words) - 4)}


@given(TEXTS, TEXTS)
def test_pairs_are_those_of_sets(few: list[str], many: list[str]) -> None:
    expected = {}
    for i, one in enumerate(map(shingles, few)):
        for j, other in enumerate(map(shingles, many)):
            if one & other and len(one & other) / len(one | other) >= 0.5:
                expected[i, j] = len(one & other) / len(one | other)
    strings = (pl.Series(texts, dtype=pl.String) for texts in (few, many))
    found = similar_texts(*strings, least=0.5)
    assert {(i, j): value for i, j, value in found.iter_rows()} == expected
