"""Loss spikes: a step whose loss or gradient norm is not finite, or far above those before, is skipped."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

WINDOW = 128
"""Number of steps that the next one is compared with."""

SIGMAS = 6.0
"""Standard deviations above the window's mean from which on a step is a spike."""

LIMIT = 10
"""So many skipped steps within one window end the run. Skipping leaves the weights as they are: where one
fresh batch after the other goes wrong, the weights have gone astray, and skipping more does not mend them."""


class Spikes:
    """Decides for each step by its loss and the norm of its gradient, before the optimizer takes it.

    A step whose loss or norm is not finite is always left out. With ``outliers`` so is one of which either
    lies more than :data:`SIGMAS` standard deviations above the mean of the last :data:`WINDOW` steps, once
    half a window is there: the rule of OLMo-core (src/olmo_core/optim/skip_step_optimizer.py), but only
    upwards, and what was left out does not widen the window. Leaving batches out is enough: the same ones do
    no harm to other weights (PaLM, arXiv:2204.02311, section 5.1).

    All of it follows from the steps so far and goes into the checkpoint, so that a resumed run decides alike.
    """

    def __init__(self, *, outliers: bool) -> None:
        """``outliers``: for losses that hardly spread. A classifier's do, and a hard batch is no spike."""
        self.outliers = outliers
        self.skipped: list[int] = []
        """Numbers of the steps that were left out."""
        self._figures: dict[str, deque[float]] = {
            "loss": deque(maxlen=WINDOW),
            "gradient norm": deque(maxlen=WINDOW),
        }

    def check(self, step: int, loss: float, norm: float) -> str | None:
        """Why a step must be left out, or None where it may be taken; either is remembered."""
        values = {"loss": loss, "gradient norm": norm}
        if not np.isfinite([loss, norm]).all():
            reason: str | None = " and ".join(f"{name} is {value:.4g}" for name, value in values.items())
        else:
            reason = self._outlier(values) if self.outliers else None
        if reason is not None:
            self.skipped.append(step)
            return reason
        for name, value in values.items():
            self._figures[name].append(value)
        return None

    def too_many(self, step: int) -> bool:
        """Whether :data:`LIMIT` of the last :data:`WINDOW` steps, ``step`` among them, were left out."""
        return sum(skipped > step - WINDOW for skipped in self.skipped) >= LIMIT

    def _outlier(self, values: Mapping[str, float]) -> str | None:
        for name, value in values.items():
            before = np.array(self._figures[name])
            if len(before) < WINDOW // 2:
                continue
            mean, deviation = float(before.mean()), float(before.std())
            if value > mean + SIGMAS * deviation:
                return f"{name} is {value:.4g}, after {mean:.4g} with deviation {deviation:.2g}"
        return None

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: plain numbers."""
        return {
            "skipped": self.skipped,
            **{name: list(figures) for name, figures in self._figures.items()},
        }

    def load_state_dict(self, state: Mapping[str, Sequence[Any]]) -> None:
        """Go on from :meth:`state_dict`."""
        self.skipped = list(state["skipped"])
        for name, figures in self._figures.items():
            figures.clear()
            figures.extend(state[name])
