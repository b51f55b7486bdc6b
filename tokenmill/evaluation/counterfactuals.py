"""Pairs of texts that differ in one word, such as 他 and 她: whether the answer depends on it.

Counterfactual token fairness (Garg et al. 2019): what a word says of a person should move no label.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import binomtest

from tokenmill.evaluation.scores import CONFIDENCE, Probabilities, clustered_mean
from tokenmill.evaluation.subject import Subject
from tokenmill.inference.classify import THRESHOLD, classify

MOST_TEXTS = 500
"""Of the test texts in which a pair's words stand, so many are changed; the first ones."""


def counterfactuals(
    subject: Subject, texts: Sequence[str], outputs: Probabilities, pairs: Sequence[tuple[str, str]]
) -> list[dict[str, Any]]:
    """For each pair whose words stand in texts: how often the label flips and how far outputs move.

    ``flips`` is the share of texts whose label changes, with its 95% interval (Wilson); ``moves`` the mean
    distance that the output of the former label goes, or a number's; ``shift`` is by how much the last
    label's output (of two labels, the second) is higher with the pair's second word than with its first, on
    average, with its interval. The pair that flips most is on top; a pair that stands nowhere is left out.
    """
    found = []
    for one, other in pairs:
        changed = [(place, text, swapped(text, one, other)) for place, text in enumerate(texts)]
        chosen = [row for row in changed if row[1] != row[2]][:MOST_TEXTS]
        if chosen:
            after = classify(subject.model, subject.vocabulary, [text for _, _, text in chosen])
            before = outputs[[place for place, _, _ in chosen]]
            # Towards the second word, whichever of the two stood there.
            signs = np.array([1 if holds(text, one) else -1 for _, text, _ in chosen])
            found.append({"pair": [one, other], **_moved(subject, before, after, signs)})
    return sorted(found, key=lambda row: (-row["flips"], -row["moves"]))


def _moved(
    subject: Subject, before: Probabilities, after: Probabilities, signs: np.ndarray[Any, Any]
) -> dict[str, Any]:
    rows = np.arange(len(before))
    if subject.model.config.problem_type == "single_label_classification":
        flipped = before.argmax(1) != after.argmax(1)
    elif subject.model.config.problem_type == "multi_label_classification":
        flipped = ((before >= THRESHOLD) != (after >= THRESHOLD)).any(1)
    else:  # a number has no label
        flipped = np.zeros(len(before), np.bool_)
    interval = binomtest(int(flipped.sum()), len(rows)).proportion_ci(CONFIDENCE, method="wilson")
    best = before.argmax(1)
    moves = np.abs(after[rows, best] - before[rows, best])
    shift = clustered_mean((signs * (after[:, -1] - before[:, -1])).astype(np.float64), rows)
    return {
        "texts": len(rows),
        "flips": float(flipped.mean()),
        "flips_low": float(interval.low),
        "flips_high": float(interval.high),
        "moves": float(moves.mean()),
        "shift": shift.gain,
        "shift_low": shift.low,
        "shift_high": shift.high,
    }


def swapped(text: str, one: str, other: str) -> str:
    """The text with each of the two words in the other's place; case at a word's beginning stays."""
    both = {one: other, other: one}

    def new(match: re.Match[str]) -> str:
        word = match[0]
        replacement = both.get(word) or both[word[0].lower() + word[1:]]
        return replacement if word in both else replacement[0].upper() + replacement[1:]

    spellings = sorted({*both, *(word[0].upper() + word[1:] for word in both)}, key=len, reverse=True)
    return re.sub("|".join(map(_whole, spellings)), new, text)


def holds(text: str, word: str) -> bool:
    """Whether a word stands in a text, whatever the case of its first letter."""
    return re.search(f"{_whole(word)}|{_whole(word[0].upper() + word[1:])}", text) is not None


def _whole(word: str) -> str:
    """Words between spaces are looked for as a whole, those of scripts without spaces wherever they stand."""
    return rf"\b{re.escape(word)}\b" if word.isascii() else re.escape(word)
