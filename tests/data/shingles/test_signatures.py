"""Signatures: pinned, independent of company, and true to the similarity that they stand for."""

import random
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmill.data.shingles import signatures as module
from tokenmill.data.shingles.signatures import SHINGLE, SIZE, shingle_sets, signatures, whole
from tokenmill.data.shingles.units import units

TEXTS = st.lists(st.none() | st.text(alphabet="ab 好的。", max_size=40), max_size=8)


def series(*texts: str | None) -> pl.Series:
    return pl.Series("text", texts, dtype=pl.String)


def signed(texts: Sequence[str | None]) -> pl.Series:
    return signatures(units(series(*texts)))


def sets(*texts: str | None) -> list[set[int]]:
    hashes, offsets = shingle_sets(series(*texts))
    return [set(hashes[i:j].tolist()) for i, j in pairwise(offsets)]


def test_signatures_are_pinned() -> None:
    """Another version of rensa must not bring other numbers into a table of older ones."""
    found = signed(("The quick brown fox jumps over the lazy dog", "一二三四五"))
    assert found.name == "signature"
    assert found.dtype == pl.Array(pl.UInt32, SIZE)
    assert [row[:4] for row in found.to_list()] == [
        [3463918025, 703179358, 3376622866, 3223986401],
        [3834393574, 4128513692, 3285875360, 3766970413],
    ]


@pytest.mark.parametrize("text", [None, "", "one two three four", "一二三四。", "……！"])
def test_what_has_no_shingle_has_no_signature(text: str | None) -> None:
    assert signed((text, "one two three four five")).is_null().to_list() == [True, False]
    assert sets(text) == [set()]


def test_case_digits_and_punctuation_make_no_difference() -> None:
    a, b = signed(("In 1998, prices rose by 5%.", "in 2024 PRICES rose -- by 7"))
    assert a.to_list() == b.to_list()


def test_of_a_pair_both_sides_count() -> None:
    frame = pl.DataFrame({"text": ["a b", "a b", "a b"], "target": ["甲乙丙", "丙乙甲", None]})
    assert whole(frame).to_list() == ["a b\n甲乙丙", "a b\n丙乙甲", "a b"]


def test_the_share_of_equal_places_estimates_jaccard() -> None:
    """Within 5 standard deviations for each of 60 pairs, and within 3 of the mean's for all."""
    chance = random.Random(1)
    errors = []
    for _ in range(60):
        words = ["".join(chance.choices("abcdefgh", k=5)) for _ in range(200)]
        other = [w if chance.random() < 0.97 else "new" for w in words]
        a, b = " ".join(words), " ".join(other)
        left, right = sets(a, b)
        true = len(left & right) / len(left | right)
        x, y = (np.array(row.to_list()) for row in signed((a, b)))
        errors.append(float((x == y).mean()) - true)
    deviation = 0.5 / SIZE**0.5
    assert max(map(abs, errors)) < 5 * deviation
    assert abs(float(np.mean(errors))) < 3 * deviation / len(errors) ** 0.5


@given(TEXTS)
def test_batches_do_not_show(texts: list[str | None]) -> None:
    together = signed(texts).to_list()
    assert together == [signed([text]).to_list()[0] for text in texts]
    size, module.BATCH = module.BATCH, 2
    try:
        assert signed(texts).to_list() == together
    finally:
        module.BATCH = size


@given(TEXTS)
def test_shingle_sets_are_the_distinct_shingles(texts: list[str | None]) -> None:
    for text, found in zip(texts, sets(*texts), strict=True):
        letters: list[str] = []
        for piece in (text or "").replace("。", " ").replace("好", " 好 ").replace("的", " 的 ").split():
            letters.append(piece)
        runs = {tuple(letters[i : i + SHINGLE]) for i in range(len(letters) - SHINGLE + 1)}
        assert len(found) == len(runs)
