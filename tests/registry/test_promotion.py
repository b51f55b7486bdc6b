"""When a challenger becomes champion, and in which words."""

from typing import Any

import pytest

from tokenmill.evaluation.parts import Paired
from tokenmill.evaluation.scores import Comparison
from tokenmill.registry.promotion import Decision, decide, first
from tokenmill.registry.records import Record


def record(better: Any = "lower", gate: Any = "significant", minimum_gain: float = 0.0) -> Record:
    return Record(
        name="our-scribe",
        folder="data/models/scribe",
        digest="d" * 64,
        kind="causal-lm",
        metric="bits_per_byte",
        value=2.0,
        better=better,
        gate=gate,
        minimum_gain=minimum_gain,
        test_digest="1" * 64,
        card="",
        ancestry={},
        sources=("news",),
        evaluate={},
    )


def decision(of: Record, value: float, other: float, p_value: float | None, documents: int = 400) -> Decision:
    gain = value - other if of.better == "higher" else other - value
    known = None if p_value is None else Comparison(gain, gain - 0.1, gain + 0.1, p_value)
    return decide(of, "2", "1", Paired(value, other, documents, known), 0)


@pytest.mark.parametrize(
    ("value", "other", "better", "p_value", "wins"),
    [
        (2.0, 2.2, "lower", 0.001, True),
        (2.0, 2.2, "lower", 0.05, False),
        (2.2, 2.0, "lower", 0.001, False),
        (0.9, 0.8, "higher", 0.049, True),
        (0.8, 0.9, "higher", 0.001, False),
        (0.8, 0.8, "higher", 1.0, False),
    ],
)
def test_only_the_significantly_better_one_wins(
    value: float, other: float, better: str, p_value: float, wins: bool
) -> None:
    found = decision(record(better), value, other, p_value)
    assert found.promote is wins
    assert found.reason.startswith("significantly better: " if wins else "not significantly better: ")
    assert f"bits_per_byte {value:g} against {other:g} of version 1 on the same 400 test doc" in found.reason
    assert found.comparison is not None and f"p = {p_value:.2g})" in found.reason


def test_the_gate_better_asks_for_no_test_and_figures_without_documents_have_none() -> None:
    assert decision(record(gate="better"), 2.0, 2.01, 0.7).promote
    assert not decision(record(gate="better"), 2.0, 2.0, 1.0).promote
    whole = decision(record(), 2.0, 2.01, None, documents=0)
    assert whole == Decision(True, "better: bits_per_byte 2 against 2.01 of version 1 on the same test data")


def test_a_gain_below_the_least_one_is_none() -> None:
    found = decision(record(minimum_gain=0.5), 1.8, 2.0, 0.001)
    assert not found.promote and "at least 0.5 is wanted" in found.reason
    assert decision(record(minimum_gain=0.1), 1.8, 2.0, 0.001).promote


def test_few_documents_say_nothing() -> None:
    found = decision(record(), 1.0, 2.0, None, documents=9)
    assert not found.promote
    assert found.reason.startswith(
        "fewer than 10 documents, or groups of them, tell nothing: bits_per_byte 1"
    )
    assert found.reason.endswith("`tokenmill promote our-scribe 2` makes this one champion all the same")


def test_what_was_left_out_is_counted() -> None:
    found = decide(record(), "2", "1", Paired(2.0, 2.1, 50, Comparison(0.1, 0.05, 0.2, 0.001)), 3)
    assert found.reason.endswith("; 3 documents left out that belong to what version 1 was trained on")


def test_the_first_is_champion() -> None:
    assert first(record()) == Decision(True, "there was no champion; bits_per_byte is 2")
