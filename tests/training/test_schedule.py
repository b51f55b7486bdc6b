"""Learning-rate schedules at their corners."""

import itertools

import pytest

from tokenmill.training.schedule import SHAPES, Schedule


@pytest.mark.parametrize("shape", SHAPES)
def test_every_schedule_rises_never_rises_again_and_ends_at_zero(shape: str) -> None:
    schedule = Schedule(steps=100, learning_rate=0.1, seed=0, shape=shape)  # type: ignore[arg-type]
    factors = [schedule.factor(step) for step in range(101)]
    assert factors[0] == pytest.approx(0.2) and factors[4] == factors[5] == 1
    assert all(a >= b for a, b in itertools.pairwise(factors[5:]))
    assert factors[100] == 0 and 0 < factors[99] < 0.06


def test_schedules_differ_as_their_names_say() -> None:
    half = {shape: Schedule(1000, 0.1, 0, shape).factor(525) for shape in SHAPES}
    assert half == {"linear": 0.5, "warm-up-stable-decay": 1.0, "cosine": pytest.approx(0.5)}
    early = {shape: Schedule(1000, 0.1, 0, shape).factor(200) for shape in SHAPES}
    assert early["linear"] < early["cosine"] < early["warm-up-stable-decay"]
    stable = Schedule(1000, 0.1, 0, "warm-up-stable-decay")
    assert stable.factor(799) == 1 and stable.factor(900) == pytest.approx(0.5)


def test_the_shortest_run() -> None:
    assert Schedule(1, 0.1, 0).factor(0) == 1
