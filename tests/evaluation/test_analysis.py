"""Slices, pairs of texts, words and decisions: each against a case that is known."""

import math
from collections import Counter

import numpy as np
import polars as pl
import pytest

from tests.evaluation.helpers import Project
from tests.samples import GOOD
from tokenmill.evaluation.analysis import groups_of
from tokenmill.evaluation.counterfactuals import holds, swapped
from tokenmill.evaluation.giveaways import log_odds, words_of
from tokenmill.evaluation.slices import label_shares, slices, values_of

TEXTS = pl.DataFrame(
    {
        "id": [str(n) for n in range(40)],
        "text": ["x" * (10 if n < 20 else 300) for n in range(40)],
        "language": ["en"] * 28 + [None] * 12,
        "source": ["one"] * 40,
        "label": ["a", "b"] * 10 + ["a"] * 20,
        "group": [None] * 20 + ["g"] * 20,
    }
)


def test_the_worst_slice_is_on_top_with_its_interval() -> None:
    right = np.array([1.0] * 15 + [0.0] * 5 + [1.0] * 20)
    found = slices(TEXTS, right, groups_of(TEXTS), ["source", "language", "length"], "accuracy")
    assert [(row["column"], row["value"]) for row in found] == [
        ("length", "001-020 characters"),
        ("language", "en"),
        ("language", "none"),
        ("length", "201-500 characters"),
    ]
    assert found[0]["figure"] == 0.75 and 0.5 < found[0]["low"] < 0.75 < found[0]["high"] < 0.9
    errors = slices(TEXTS, right, groups_of(TEXTS), ["length"], "mean_absolute_error")
    assert errors[0]["value"] == "201-500 characters", "of errors the largest is worst"


def test_lengths_lie_in_the_slices_of_their_names() -> None:
    frame = pl.DataFrame({"text": ["x" * length for length in (1, 20, 21, 500, 501)]})
    assert values_of(frame, "length").to_list() == [
        "001-020 characters", "001-020 characters", "021-050 characters", "201-500 characters",
        "more than 500 characters",
    ]  # fmt: skip


def test_label_shares_and_their_skew() -> None:
    found = label_shares(TEXTS, ["length"])
    assert [row["shares"] for row in found] == [{"a": 0.5, "b": 0.5}, {"a": 1.0}]
    assert [row["skew"] for row in found] == [pytest.approx(0.25)] * 2


def test_documents_of_a_group_hang_together() -> None:
    assert len(set(groups_of(TEXTS))) == 21


@pytest.mark.parametrize(
    ("text", "one", "other", "expected"),
    [
        ("他说她好", "他", "她", "她说他好"),
        ("He knows the heath; he said", "he", "she", "She knows the heath; she said"),
        ("Mary saw John", "John", "Mary", "John saw Mary"),
        ("nothing here", "he", "she", "nothing here"),
    ],
)
def test_words_change_places(text: str, one: str, other: str, expected: str) -> None:
    assert swapped(text, one, other) == expected
    assert swapped(expected, one, other) == text
    assert holds(text, one) == (one != "he" or text != "nothing here")


def test_log_odds_are_those_of_the_formula() -> None:
    """Monroe et al. 2008, equations 15, 20 and 22, written out for one word."""
    here, everywhere = Counter({"x": 30, "y": 70}), Counter({"x": 40, "y": 160})
    (word, score), (last, lowest) = log_odds(here, everywhere)
    assert (word, last) == ("x", "y") and lowest < 0 < score
    prior = 500 * 40 / 200
    odds = math.log((30 + prior) / (100 + 500 - 30 - prior)) - math.log(
        (10 + prior) / (100 + 500 - 10 - prior)
    )
    assert score == pytest.approx(odds / math.sqrt(1 / (30 + prior) + 1 / (10 + prior)))


def test_words_between_spaces_and_pairs_of_characters() -> None:
    assert words_of("The room's 很干净。12") == {"the", "room's", "很干", "干净", "12"}


def test_what_evaluate_says_behind_the_figure(shared: Project) -> None:
    found = shared.evaluate("mood", counterfactuals=[["房间", "屏幕"], ["nowhere", "never"]])["analysis"]
    assert found["figure"] == "accuracy" and found["slices"]
    (pair,) = found["counterfactuals"]
    assert pair["pair"] == ["房间", "屏幕"] and 0 < pair["texts"] <= 30
    assert pair["flips_low"] <= pair["flips"] <= pair["flips_high"] and pair["moves"] > 0
    top = {row["word"]: row for row in found["giveaways"] if row["label"] == "positive"}
    assert top and all(any(word in phrase for phrase in GOOD) for word in top)
    assert all(row["share"] == 1 and row["z"] > 0 for row in top.values())
    assert len(found["explanations"]) <= 20
    for row in found["explanations"]:
        assert "".join(row["text"][start:end] for start, end, _ in row["influences"]) == row["text"]
    deletion = found["deletion"]
    assert deletion["gain"] == pytest.approx(deletion["top"] - deletion["random"], abs=2e-4)
    assert deletion["gain"] > 0, "what raises the answer most matters more than chance, whatever the weights"
