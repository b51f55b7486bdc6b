"""A model's scores together with those of word bigrams, weighted by what held-out items say."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tokenmill.evaluation.choices.items import Floats, Item, Measured, accuracy, gain

WEIGHTS = tuple(n / 20 for n in range(21))
"""Of the bigrams' log-probability; the model's has the rest."""


def mixed(weight: float, scores: Sequence[Floats], others: Sequence[Floats]) -> list[Floats]:
    """Log-linear interpolation (Klakow 1998), which needs no sum over all words to choose among a few."""
    return [(1 - weight) * own + weight * other for own, other in zip(scores, others, strict=True)]


def best_weight(items: Sequence[Item], scores: Sequence[Floats], others: Sequence[Floats]) -> float:
    """The weight under which the right candidates of held-out items are likeliest among theirs."""

    def nats(weight: float) -> float:
        found = [
            float(np.logaddexp.reduce(each) - each[item.gold])
            for item, each in zip(items, mixed(weight, scores, others), strict=True)
        ]
        return float(np.mean(found))

    return min(WEIGHTS, key=nats)


def with_bigrams(
    items: Sequence[Item], scores: Sequence[Floats], bigrams: Measured, weight: float
) -> dict[str, Any]:
    """Accuracy of the mixture, and how much more often it is right than the bigrams alone."""
    right = Measured("mixture", mixed(weight, scores, bigrams.scores)).right(items)
    return {"weight": weight, **accuracy(right, items), "gain": gain(right, bigrams.right(items), items)}
