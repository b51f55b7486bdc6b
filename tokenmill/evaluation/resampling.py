"""Intervals and paired comparisons of figures that are no means, by drawing test documents anew."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tokenmill.evaluation.scores import CONFIDENCE, Comparison

DRAWS = 2000
"""Of the test documents, with replacement (Efron & Tibshirani 1993)."""

PORTION = 1 << 24
"""Numbers of draws in memory at a time, 128 MiB."""

Counts = npt.NDArray[np.float64]
"""What a figure is made of: sums over documents (documents, K)."""
Figure = Callable[[Counts], Counts]
"""From sums (..., K) to figures (...)."""


def resampled(counts: Counts, groups: npt.NDArray[np.int64], seed: int) -> Counts:
    """Sums (DRAWS, K) over as many groups as there are, drawn with replacement.

    ``groups`` has the number of each document's (documents,).
    """
    of_groups = np.zeros((int(groups.max()) + 1, counts.shape[1]))
    np.add.at(of_groups, groups, counts)
    draw, number = np.random.default_rng(seed), len(of_groups)
    each = max(1, PORTION // number)
    sums = [
        draw.multinomial(number, np.full(number, 1 / number), size=min(each, DRAWS - begin)) @ of_groups
        for begin in range(0, DRAWS, each)
    ]
    return np.concatenate(sums)


def interval(figure: Figure, counts: Counts, groups: npt.NDArray[np.int64], seed: int) -> tuple[float, float]:
    """The 95% interval of a figure: percentiles of the draws."""
    low, high = np.quantile(figure(resampled(counts, groups, seed)), _ENDS)
    return float(low), float(high)


def compare_resampled(
    figure: Figure, counts: Counts, others: Counts, groups: npt.NDArray[np.int64], seed: int
) -> Comparison:
    """How much higher a figure is than another one on the same documents, which are drawn together.

    The p-value is twice the share of draws in which the gain has the other sign, at least 1 / DRAWS.
    """
    gains = figure(resampled(counts, groups, seed)) - figure(resampled(others, groups, seed))
    gain = float(figure(counts.sum(0)) - figure(others.sum(0)))
    low, high = np.quantile(gains, _ENDS)
    other_sign = min(float((gains <= 0).mean()), float((gains >= 0).mean()))
    return Comparison(gain, float(low), float(high), min(1.0, max(1 / DRAWS, 2 * other_sign)))


_ENDS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
