"""The weight of bigrams beside a model comes from held-out items, and does what it says."""

import numpy as np
import pytest

from tokenmill.evaluation.choices.items import Item, Measured
from tokenmill.evaluation.choices.mixture import best_weight, mixed, with_bigrams
from tokenmill.inference.choose import Choice

ITEMS = [Item(str(n), Choice("", ("a", "b")), gold, str(n)) for n, gold in enumerate([0, 1, 1, 0])]
RIGHT = [np.array([3.0, 0.0]), np.array([0.0, 3.0]), np.array([0.0, 3.0]), np.array([3.0, 0.0])]
WRONG = [scores[::-1] for scores in RIGHT]
MIXED = [RIGHT[0], RIGHT[1], 0.5 * WRONG[2], 0.5 * WRONG[3]]
OTHER = [0.5 * WRONG[0], 0.5 * WRONG[1], RIGHT[2], RIGHT[3]]


def test_who_is_right_gets_the_weight() -> None:
    assert (best_weight(ITEMS, RIGHT, WRONG), best_weight(ITEMS, WRONG, RIGHT)) == (0.0, 1.0)
    assert best_weight(ITEMS, MIXED, OTHER) == 0.5


def test_two_that_are_right_about_different_items_are_better_together() -> None:
    found = with_bigrams(ITEMS, MIXED, Measured("bigrams", OTHER), 0.5)
    assert (found["accuracy"], found["gain"]["gain"]) == (1.0, 0.5)
    assert mixed(0.25, RIGHT, WRONG)[0] == pytest.approx([2.25, 0.75])
