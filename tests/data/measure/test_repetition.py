"""Repetition, against a reference that counts n-grams one by one."""

from collections import Counter

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenmill.data.measure import repetition as module
from tokenmill.data.measure.repetition import DUPLICATE, TOP, repetition
from tokenmill.data.shingles.units import units


def reference(words: list[str]) -> dict[str, int]:
    """The definitions in the docstring of repetition, taken literally."""
    lengths = [len(word) for word in words]
    result = {}
    for n in (*TOP, *DUPLICATE):
        grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
        counts = {gram: count for gram, count in Counter(grams).items() if count > 1}
        if n in TOP:
            top = max((count * sum(map(len, gram)) for gram, count in counts.items()), default=0)
            result[f"top_{n}_gram_characters"] = min(top, sum(lengths))
        else:
            covered = {i + k for i, gram in enumerate(grams) if gram in counts for k in range(n)}
            result[f"duplicate_{n}_gram_characters"] = sum(lengths[i] for i in covered)
    return result


WORDS = st.lists(st.sampled_from(["a", "bb", "ccc", "好", "的", "42"]), max_size=60)


@settings(max_examples=60)
@given(st.lists(WORDS, min_size=1, max_size=5), st.integers(1, 6))
def test_it_counts_as_the_reference_does(texts: list[list[str]], copies: int) -> None:
    # Copies make long repetitions common. Digits count by their number alone.
    texts = [[*words * copies, "end"] for words in texts]
    made = repetition(units(pl.Series([" ".join(words) for words in texts])))
    folded = [[word.replace("42", "00") for word in words] for words in texts]
    assert made.to_dicts() == [reference(words) for words in folded]


@pytest.mark.parametrize("texts", [[], [""], ["", "a b", ""], ["，。"], ["好" * 5, "好" * 50]])
def test_small_texts(texts: list[str]) -> None:
    made = repetition(units(pl.Series(texts, dtype=pl.String)))
    assert made.to_dicts() == [reference(list(text.replace(" ", "").strip("，。"))) for text in texts]


def test_equal_texts_do_not_repeat_each_other() -> None:
    text = "one two three four five six seven eight nine ten eleven"
    assert repetition(units(pl.Series([text, text]))).sum_horizontal().to_list() == [0, 0]


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = pl.Series(["", "a b a b c", "好书" * 30, "", "x y z " * 9, "w"])
    whole = repetition(units(texts))
    for size in (1, 5, 40):
        monkeypatch.setattr(module, "BLOCK", size)
        assert repetition(units(texts)).equals(whole)
