"""The training loop keeps its promises about stopping."""

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lm.batches import Objective
from lm.errors import Stopped
from lm.training.fit import fit
from lm.training.language import LanguageModelling
from lm.training.loop import Runtime
from lm.training.schedule import Schedule
from tests.tiny_models import tiny_model


class Interrupted(LanguageModelling):
    """Gets a signal at the most awkward moment: after the loop has looked for one, before Lightning does."""

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self.trainer.global_step == 3:
            os.kill(os.getpid(), signal.SIGTERM)


def new_task(cls: type[LanguageModelling] = LanguageModelling) -> LanguageModelling:
    stream = np.random.default_rng(0).integers(39, 320, 2000).astype(np.uint16)
    model = tiny_model("causal-lm").train()
    return cls(
        model,  # type: ignore[arg-type]
        Schedule(steps=8, learning_rate=0.01, seed=1),
        objective=Objective("causal"),
        train=stream,
        validation=stream[:200],
        bytes_per_token=2.0,
        batch_rows=2,
    )


def run(task: LanguageModelling, checkpoint: Path) -> None:
    runtime = Runtime(threads=1, checkpoint_every_seconds=1000, log_every_steps=4)
    fit(task, checkpoint=checkpoint, runtime=runtime, log=lambda *_: None, validations=2, name="gpt")


def test_a_signal_at_any_moment_of_a_step_stops_after_the_next_with_a_checkpoint(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    stopped, whole = tmp_path / "stopped.ckpt", tmp_path / "whole.ckpt"
    with pytest.raises(Stopped, match="SIGTERM"):
        run(new_task(Interrupted), stopped)
    assert signal.getsignal(signal.SIGTERM) is before
    first, second = new_task(), new_task()
    run(first, whole)
    run(second, stopped)
    assert second.steps.first == 4, "it went on from the step after the signal's"
    assert second.curve == first.curve
    for (name, one), (_, other) in zip(first.named_parameters(), second.named_parameters(), strict=True):
        assert bool((one == other).all()), name
