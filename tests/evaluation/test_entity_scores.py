"""Scores of entities on examples that can be counted by hand, intervals and comparisons."""

import numpy as np
import pytest

from tokenmill.data.documents.entities import EntityDocument
from tokenmill.data.documents.spans import Span
from tokenmill.evaluation import entity_scores as scoring
from tokenmill.evaluation.entity_rivals import crf_entities, dictionary_entities

TEXT = "江泽民在北京见克林顿"
TRUE = (Span(0, 3, "PER"), Span(4, 6, "LOC"), Span(7, 10, "PER"))
DOCUMENTS = [EntityDocument("a", TEXT, "g", TRUE), EntityDocument("b", "没有", "g", ())]
FOUND = [[Span(0, 3, "PER"), Span(4, 6, "ORG"), Span(7, 9, "PER"), Span(3, 4, "LOC")], [Span(0, 1, "PER")]]


def test_counts_shares_and_errors() -> None:
    counted = scoring.counts(DOCUMENTS, FOUND)
    assert counted.tolist() == [[1, 3, 4], [0, 0, 1]]
    assert scoring.shares(counted) == {"f1": 2 / 8, "precision": 1 / 5, "recall": 1 / 3}
    assert scoring.by_group(DOCUMENTS, counted).tolist() == [[1, 3, 5]]
    assert scoring.errors(DOCUMENTS, FOUND) == {
        "wrong_boundary": 1, "wrong_label": 1, "wrong_both": 0, "invented": 2, "missed": 0,
    }  # fmt: skip
    assert scoring.errors(DOCUMENTS, [[], []])["missed"] == 3
    assert scoring.shares(scoring.counts(DOCUMENTS[1:], [[]])) == {"f1": 0, "precision": 0, "recall": 0}


def test_by_label_unseen_and_confusion() -> None:
    found = scoring.by_label(DOCUMENTS, FOUND)
    assert found["PER"] == {"f1": 2 / 5, "precision": 1 / 3, "recall": 1 / 2, "entities": 2}
    assert found["LOC"]["entities"] == 1 and found["LOC"]["f1"] == 0
    assert scoring.recall_of_unseen(DOCUMENTS, FOUND, frozenset({"北京", "克林顿"})) == (1, 1)
    assert scoring.recall_of_unseen(DOCUMENTS, FOUND, frozenset()) == (1 / 3, 3)
    table = {row[:2]: row[2] for row in scoring.confusion(DOCUMENTS, FOUND, ["LOC", "ORG", "PER"]).rows()}
    assert table["PER", "PER"] == 1 and table["LOC", "ORG"] == 1 and table["PER", scoring.NOTHING] == 1
    assert table[scoring.NOTHING, "PER"] == 2 and table[scoring.NOTHING, "LOC"] == 1
    assert sum(table.values()) == 6 and table[scoring.NOTHING, scoring.NOTHING] == 0


def test_an_interval_holds_the_figure_and_is_wider_where_groups_are_few() -> None:
    random = np.random.default_rng(1)
    true = random.integers(1, 6, 300)
    right = random.binomial(true, 0.8)
    counted = np.stack([right, true, true], 1)
    low, high = scoring.f1_interval(counted, 1)
    assert low < scoring.shares(counted)["f1"] < high and high - low < 0.07
    assert scoring.f1_interval(counted, 1) == (low, high)
    few = scoring.f1_interval(counted[:30], 1)
    assert few[1] - few[0] > high - low


def test_a_comparison_tells_better_from_equal() -> None:
    random = np.random.default_rng(2)
    true = random.integers(1, 6, 300)
    worse, better = (np.stack([random.binomial(true, p), true, true], 1) for p in (0.7, 0.9))
    found = scoring.compare_f1(better, worse, 1)
    assert found.gain == pytest.approx(scoring.shares(better)["f1"] - scoring.shares(worse)["f1"])
    assert 0 < found.low < found.gain < found.high and found.p_value < 0.001
    same = scoring.compare_f1(better, better, 1)
    assert (same.gain, same.low, same.high, same.p_value) == (0, 0, 0, 1)
    assert scoring.compare_f1(worse, better, 1).p_value == pytest.approx(found.p_value, abs=0.01)


def test_a_dictionary_takes_the_longest_and_its_usual_label() -> None:
    train = [
        EntityDocument("a", "北京北京大学北京", "a", (Span(0, 2, "LOC"), Span(2, 6, "ORG"))),
        EntityDocument("a", "北京和李", "a", (Span(0, 2, "LOC"), Span(3, 4, "PER"))),
        EntityDocument("b", "北京", "b", (Span(0, 2, "TEAM"),)),
    ]
    assert dictionary_entities(train, ["在北京大学", "北京北李", ""]) == [
        [Span(1, 5, "ORG")],
        [Span(0, 2, "LOC")],
        [],
    ], "one character alone names too many things"


def test_a_random_field_learns_contexts_and_says_the_same_again() -> None:
    names = ["江泽民", "李鹏", "朱镕基", "钱其琛"]
    train = [
        EntityDocument(f"{n}", f"主席{name}说了", f"{n}", (Span(2, 2 + len(name), "PER"),))
        for n, name in enumerate(names * 3)
    ]
    found = crf_entities(train, ["主席王小明说了", "江泽民"])
    assert found[0] == [Span(2, 5, "PER")]
    assert crf_entities(train, ["主席王小明说了", "江泽民"]) == found
