"""What a model is asked, and how often it and its rivals are right."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tokenmill.evaluation.scores import clustered_mean
from tokenmill.inference.choose import RANKINGS, Choice

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Item:
    """A choice of which the right candidate is known."""

    id: str
    choice: Choice
    gold: int
    group: str
    """Items of one hang together, such as those of an article."""


@dataclass(frozen=True)
class Measured:
    """The scores of one model or rival: of each item those of its candidates."""

    label: str
    scores: Sequence[Floats] = field(repr=False)

    def right(self, items: Sequence[Item]) -> Flags:
        """Whether the best candidate of each item is the right one; of equal ones the first is taken."""
        return np.array([int(s.argmax()) == i.gold for s, i in zip(self.scores, items, strict=True)])


def chance(items: Sequence[Item]) -> float:
    """Accuracy of guessing."""
    return float(np.mean([1 / len(item.choice.candidates) for item in items]))


def centred(accuracy: float, guessing: float) -> float:
    """Accuracy of which guessing has 0 and knowing 1 (Li et al. 2024, DCLM, take its mean over tasks)."""
    return (accuracy - guessing) / (1 - guessing)


def accuracy(right: Flags, items: Sequence[Item]) -> dict[str, float]:
    """Accuracy with its 95% interval, items of a group together, and centred."""
    found = clustered_mean(right.astype(np.float64), groups(items))
    return {
        "accuracy": found.gain,
        "accuracy_low": max(0.0, found.low),
        "accuracy_high": min(1.0, found.high),
        "centred": centred(found.gain, chance(items)),
    }


def gain(right: Flags, other: Flags, items: Sequence[Item]) -> dict[str, float]:
    """How much more often one is right than another, paired, items of a group together."""
    return asdict(clustered_mean(right.astype(np.float64) - other.astype(np.float64), groups(items)))


def groups(items: Sequence[Item]) -> npt.NDArray[np.int64]:
    """The number of each item's group."""
    number = {group: place for place, group in enumerate(sorted({item.group for item in items}))}
    return np.array([number[item.group] for item in items], np.int64)


def summary(
    items: Sequence[Item], scored: Sequence[Mapping[str, Floats]], rivals: Mapping[str, Measured], best: str
) -> dict[str, Any]:
    """The figures of one entry: the model's by each ranking, those of rivals, and the comparison with them.

    Args:
        items: what was asked.
        scored: what :func:`tokenmill.inference.choose.score_choices` gave.
        rivals: by name.
        best: the ranking that is compared with rivals; which one is decided before anything is measured.
    """
    rights = {name: Measured(name, [scores[name] for scores in scored]).right(items) for name in RANKINGS}
    others = {name: rival.right(items) for name, rival in rivals.items()}
    return {
        "items": len(items),
        "chance": chance(items),
        "ranking": best,
        "accuracies": {name: accuracy(right, items) for name, right in rights.items()},
        "rivals": {
            name: {"label": rivals[name].label, **accuracy(right, items)} for name, right in others.items()
        },
        "comparisons": {name: gain(rights[best], right, items) for name, right in others.items()},
    }
