"""How much of a reference a text has: chrF, ROUGE, and intervals of both by resampling documents."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.float64]

ORDERS = 6
"""Longest run of characters that chrF counts (Popović 2015)."""
BETA = 2
"""So many times as much as precision counts recall in chrF."""
RESAMPLES = 1000
"""Draws of a bootstrap, as in Koehn 2004."""

UNIT = re.compile(r"[\u3400-\u9fff\U00020000-\U000323af\u3040-\u30ff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")
"""What ROUGE counts: a Han or kana character, or a run of other letters and digits."""


def rouge_units(text: str) -> list[str]:
    """A text as ROUGE sees it: Chinese by character, English by word, in lower case, punctuation left out."""
    return UNIT.findall(text.lower())


def chrf_counts(answer: str, reference: str) -> list[int]:
    """Runs of 1 to ORDERS characters, white space left out: those of the answer, of the reference, of both.

    They add up over documents. Where the reference has none of a length, the answer's are not counted.
    """
    answer, reference = ("".join(text.split()) for text in (answer, reference))
    counts = []
    for order in range(1, ORDERS + 1):
        own, right = (_runs(text, order) for text in (answer, reference))
        counts += [sum(own.values()) if right else 0, sum(right.values()), (own & right).total()]
    return counts


def _runs(text: str | Sequence[str], order: int) -> "Counter[Any]":
    return Counter(text[start : start + order] for start in range(len(text) - order + 1))


def chrf(counts: Counts) -> Any:
    """chrF from 0 to 1 of counts (..., 3 * ORDERS) as :func:`chrf_counts` gives them, alone or added up.

    Precision and recall are means over the lengths that both sides have (sacrebleu's chrF2, Post 2018).
    """
    own, right, both = (counts[..., part::3] for part in range(3))
    known = (own > 0) & (right > 0)
    lengths = np.maximum(known.sum(-1), 1)
    precision, recall = (
        np.divide(both, all_, out=np.zeros_like(both), where=known).sum(-1) / lengths for all_ in (own, right)
    )
    below = BETA**2 * precision + recall
    score = (1 + BETA**2) * precision * recall
    return np.divide(score, below, out=np.zeros_like(score), where=below > 0)


def rouge(answer: str, reference: str) -> tuple[float, float, float]:
    """F1 of ROUGE-1, ROUGE-2 and ROUGE-L (Lin 2004) over :func:`rouge_units`."""
    own, right = rouge_units(answer), rouge_units(reference)
    found = []
    for order in (1, 2):
        runs, there = (_runs(tuple(units), order) for units in (own, right))
        found.append(_f1((runs & there).total(), runs.total(), there.total()))
    return found[0], found[1], _f1(common_subsequence(own, right), len(own), len(right))


def _f1(both: int, own: int, right: int) -> float:
    return 2 * both / (own + right) if both else 0.0


def common_subsequence(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence, its table's rows as bits of a number (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for place, unit in enumerate(one):
        places[unit] = places.get(unit, 0) | 1 << place
    every = (1 << len(one)) - 1
    row = every
    for unit in other:
        found = row & places.get(unit, 0)
        row = ((row + found) | (row - found)) & every
    return len(one) - row.bit_count()


def resampled(groups: npt.NDArray[np.int64], seed: int) -> Counts:
    """How often each document is drawn, (RESAMPLES, N), where groups, numbered (N,), are drawn whole."""
    number = int(groups.max()) + 1
    draws = np.random.default_rng(seed).multinomial(number, np.full(number, 1 / number), RESAMPLES)
    return draws[:, groups].astype(np.float64)


def interval(values: Counts) -> tuple[float, float]:
    """What holds 95% of the figures (RESAMPLES,) of a bootstrap."""
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def p_value(gains: Counts) -> float:
    """How likely gains (RESAMPLES,) of a bootstrap are where there is none, on both sides (Koehn 2004)."""
    worse, better = ((side.sum() + 1) / (len(gains) + 1) for side in (gains <= 0, gains >= 0))
    return float(min(1.0, 2 * min(worse, better)))
