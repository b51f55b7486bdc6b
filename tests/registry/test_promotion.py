"""When a challenger becomes champion."""

from typing import Any

import pytest

from tokenmill.registry.promotion import Decision, decide


def decision(value: float, better: Any, champion_value: float | None, champion: str | None = "1") -> Decision:
    return decide(
        "our-scribe",
        "2",
        metric="bits_per_byte",
        value=value,
        better=better,
        champion=champion,
        champion_value=champion_value,
    )


@pytest.mark.parametrize(
    ("value", "better", "champion_value", "wins"),
    [
        (2.1, "lower", 2.2, True),
        (2.2, "lower", 2.1, False),
        (0.86, "higher", 0.85, True),
        (0.85, "higher", 0.86, False),
        (0.85, "higher", 0.85, False),
        (0.85, "lower", 0.85, False),
        (0.0, "lower", 0.1, True),
        (0.1, "higher", 0.0, True),
    ],
)
def test_only_the_better_one_wins(value: float, better: str, champion_value: float, wins: bool) -> None:
    found = decision(value, better, champion_value)
    assert found.promote is wins
    assert f"bits_per_byte {value:g} against {champion_value:g} of version 1" in found.reason


def test_the_first_is_champion() -> None:
    found = decision(2.0, "lower", None, champion=None)
    assert found == Decision(True, "there was no champion; bits_per_byte is 2")


def test_figures_on_other_data_do_not_compare_and_the_person_is_told_what_to_do() -> None:
    found = decision(0.1, "lower", None)
    assert not found.promote
    assert "champion version 1 was not measured by bits_per_byte on this test data" in found.reason
    assert "`tokenmill promote our-scribe 2`" in found.reason
