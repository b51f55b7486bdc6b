"""How the learning rate moves over a run."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tokenmill.training.settings import OptimizerName, ScheduleName

WARM_UP = 0.05
"""Share of the steps in which the learning rate rises."""

DECAY = 0.2
"""Share of the steps in which warm-up-stable-decay falls: enough to reach the loss of a cosine (Hägele et al.
2024, arXiv:2405.18392)."""


def linear(progress: float) -> float:
    """In a line to zero, which beats stopping at a tenth (Bergsma et al. 2025, arXiv:2502.15938)."""
    return 1 - progress


def cosine(progress: float) -> float:
    """Half a cosine to zero (Loshchilov & Hutter 2017)."""
    return (1 + math.cos(math.pi * progress)) / 2


def warm_up_stable_decay(progress: float) -> float:
    """Constant, then in a line to zero (Hu et al. 2024, MiniCPM): what stands before the fall can be trained
    further, with more tokens than were planned."""
    return min(1.0, (1 - progress) * (1 - WARM_UP) / DECAY)


SHAPES: Mapping[ScheduleName, Callable[[float], float]] = {
    "linear": linear,
    "warm-up-stable-decay": warm_up_stable_decay,
    "cosine": cosine,
}
"""Factor on the learning rate by the share of the steps after the warm-up that is done."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train, and by which optimizer."""

    steps: int
    learning_rate: float
    seed: int
    shape: ScheduleName = "linear"
    optimizer: OptimizerName = "muon"

    def factor(self, step: int) -> float:
        """Factor on the learning rate of a step, counted from 0: up in a line, then as ``shape`` says."""
        rising = max(1, round(WARM_UP * self.steps))
        if step < rising:
            return (step + 1) / rising
        return SHAPES[self.shape](min(1.0, (step - rising) / max(1, self.steps - rising)))
