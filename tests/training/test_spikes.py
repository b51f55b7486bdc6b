"""Spikes: what is skipped, what is not, and that a copy from a checkpoint decides alike."""

import math

import numpy as np
import pytest

from tokenmill.training.spikes import LIMIT, WINDOW, Spikes


def falling(steps: int, seed: int = 0) -> list[tuple[float, float]]:
    """Losses and gradient norms like those of a run: falling, with noise, heavy-tailed norms."""
    random = np.random.default_rng(seed)
    losses = 3 + 6 * np.exp(-np.arange(steps) / 80) + 0.1 * random.standard_normal(steps)
    norms = (0.3 + np.exp(-np.arange(steps) / 40)) * random.lognormal(sigma=0.2, size=steps)
    return list(zip(losses.tolist(), norms.tolist(), strict=True))


def fed(steps: int, *, outliers: bool = True) -> Spikes:
    spikes = Spikes(outliers=outliers)
    for step, (loss, norm) in enumerate(falling(steps)):
        assert spikes.check(step, loss, norm) is None, step
    return spikes


@pytest.mark.parametrize(
    ("loss", "norm", "why"),
    [
        (3.1, 0.3, None),
        (math.nan, math.nan, "loss is nan and gradient norm is nan"),
        (3.1, math.inf, "gradient norm is inf"),
        (9.0, 0.3, "loss is 9, after 3.0"),
        (3.1, 30.0, "gradient norm is 30, after 0.3"),
        (0.1, 0.0, None),  # better than expected is no harm
    ],
)
def test_what_is_left_out(loss: float, norm: float, why: str | None) -> None:
    spikes = fed(600)
    found = spikes.check(600, loss, norm)
    assert found is None if why is None else found is not None and why in found
    assert spikes.skipped == ([] if why is None else [600])


def test_a_leap_is_none_for_losses_that_spread_or_before_there_is_half_a_window() -> None:
    assert fed(600, outliers=False).check(600, 9.0, 30.0) is None
    assert fed(WINDOW // 2 - 1).check(WINDOW // 2 - 1, 90.0, 30.0) is None
    assert fed(WINDOW // 2).check(WINDOW // 2, 90.0, 30.0) is not None


def test_a_spike_does_not_hide_the_next_and_too_many_in_a_window_are_told() -> None:
    spikes = fed(600)
    for number in range(LIMIT):
        assert not spikes.too_many(600 + number)
        assert spikes.check(600 + number, 9.0, 0.3) is not None
    assert spikes.too_many(600 + LIMIT - 1)
    assert not spikes.too_many(600 + WINDOW)


def test_a_copy_from_a_checkpoint_decides_alike() -> None:
    kept, copy = fed(300), Spikes(outliers=True)
    kept.check(300, math.nan, 1.0)
    copy.load_state_dict(kept.state_dict())
    for step, (loss, norm) in enumerate(falling(200, seed=1), 301):
        loss += 5 * (step % 50 == 0)
        assert copy.check(step, loss, norm) == kept.check(step, loss, norm)
    assert copy.state_dict() == kept.state_dict() and len(kept.skipped) > 2
