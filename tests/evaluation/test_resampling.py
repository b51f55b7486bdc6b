"""Intervals by drawing documents anew: against the formula for means, and by groups."""

import numpy as np
import pytest

from tokenmill.evaluation.resampling import compare_resampled, interval
from tokenmill.evaluation.scores import clustered_mean


def mean(counts: np.ndarray) -> np.ndarray:
    """The mean of sums and numbers (..., 2)."""
    result: np.ndarray = counts[..., 0] / counts[..., 1]
    return result


@pytest.mark.parametrize("size", [1, 10])
def test_of_a_mean_the_interval_is_the_usual_one(size: int) -> None:
    draw = np.random.default_rng(1)
    groups = np.arange(400) // size
    values = draw.normal(size=400) + draw.normal(size=400)[groups]
    counts = np.stack([values, np.ones(400)], 1)
    expected = clustered_mean(values, groups)
    low, high = interval(mean, counts, groups, seed=1)
    assert (low, high) == pytest.approx(
        (expected.low, expected.high), abs=0.15 * (expected.high - expected.low)
    )


def test_documents_are_drawn_together() -> None:
    """What both share cancels out."""
    shared = 10 * np.random.default_rng(2).normal(size=200)
    one, other = (np.stack([shared + extra, np.ones(200)], 1) for extra in (0.1, 0.0))
    found = compare_resampled(mean, one, other, np.arange(200), seed=1)
    assert (found.gain, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))
    assert found.p_value == pytest.approx(1 / 2000)
    same = compare_resampled(mean, one, one, np.arange(200), seed=1)
    assert (same.gain, same.p_value) == (0, 1)
