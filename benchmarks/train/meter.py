"""The one clock of all sides."""

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.train.corpus import Corpus
from benchmarks.train.settings import Settings

BEGAN = time.perf_counter()
"""When the side's process had started Python."""
SETTLED = 3
"""Steps after which the time of a step is typical."""


def measured_steps(steps: int, points: int) -> frozenset[int]:
    """After which steps validation is measured: most often at the beginning, where the loss falls fastest."""
    return frozenset(max(1, round(steps * (part / points) ** 2)) for part in range(1, points + 1))


@dataclass
class Meter:
    """Times the steps, and stops its clock while validation is measured."""

    settings: Settings
    corpus: Corpus
    curve: list[dict[str, float]] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    start: float = 0.0
    prepared: float = 0.0

    def __post_init__(self) -> None:
        self.at = measured_steps(self.settings.steps, self.settings.points)
        self.step_tokens = self.settings.rows * self.corpus.fresh_tokens

    def begin(self, measure: Callable[[], dict[str, float]], prepared: float = 0.0) -> None:
        """The first step begins; ``prepared``: seconds of work on the weights before it, which count."""
        self.start, self.prepared = time.perf_counter() - BEGAN, prepared
        if self.at:
            self._point(0, measure)
        self.mark = self._now()

    def step(self, measure: Callable[[], dict[str, float]]) -> None:
        """A step has ended; ``measure`` gives the validation figures."""
        self.steps.append(self._now() - self.mark)
        if len(self.steps) in self.at:
            self._point(len(self.steps), measure)
        self.mark = self._now()

    def _now(self) -> float:
        if self.settings.device == "cuda":
            import torch

            torch.cuda.synchronize()
        return time.perf_counter()

    def _point(self, number: int, measure: Callable[[], dict[str, float]]) -> None:
        seconds = self.prepared + sum(self.steps)
        point = {"step": number, "tokens": number * self.step_tokens, "seconds": seconds, **measure()}
        self.curve.append(point)
        print(json.dumps(point), file=sys.stderr, flush=True)

    def report(self) -> dict[str, Any]:
        """What the process prints.

        ``start``: seconds from the beginning of the process to the first step; ``step``: median seconds of a
        step; ``tokens_per_second``, by that; ``curve``: step, tokens, seconds and validation figures.
        """
        step = statistics.median(self.steps[SETTLED:] or self.steps)
        return {
            "settings": asdict(self.settings),
            "start": self.start,
            "step": step,
            "tokens_per_second": self.step_tokens / step,
            "curve": self.curve,
        }
