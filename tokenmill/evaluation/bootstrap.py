"""Intervals and tests of ratios of sums, such as bits per byte, by drawing groups anew (Efron 1979)."""

from typing import Any

import numpy as np
import numpy.typing as npt

from tokenmill.evaluation.scores import CONFIDENCE, Comparison

DRAWS = 1000
"""Times that as many groups are drawn as there are, with replacement."""

Sums = npt.NDArray[Any]
"""(N,) of each group, such as a conversation."""


def _ratios(parts: Sums, wholes: Sums, seed: int) -> Sums:
    chosen = np.random.default_rng(seed).integers(len(parts), size=(DRAWS, len(parts)))
    ratios: Sums = parts[chosen].sum(1) / wholes[chosen].sum(1)
    return ratios


def interval(parts: Sums, wholes: Sums, seed: int = 0) -> tuple[float, float]:
    """The 95% interval of ``parts.sum() / wholes.sum()``: percentiles over draws."""
    low, high = np.quantile(_ratios(parts, wholes, seed), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def compare_ratios(gains: Sums, wholes: Sums, seed: int = 0) -> Comparison:
    """How large ``gains.sum() / wholes.sum()`` is, and how likely draws fall on the other side of 0.

    ``gains`` are differences of two systems on the same groups. The p-value is two-sided, and at least
    2 / (DRAWS + 1) (Davison & Hinkley 1997, 4.2).
    """
    drawn = _ratios(gains, wholes, seed)
    low, high = interval(gains, wholes, seed)
    fewer = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    return Comparison(float(gains.sum() / wholes.sum()), low, high, min(1.0, 2 * (fewer + 1) / (DRAWS + 1)))
