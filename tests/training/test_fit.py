"""The training loop keeps its promises about stopping."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.tiny_models import tiny_model
from tokenmill.core.errors import Stopped, UserError
from tokenmill.objectives.batches import Objective
from tokenmill.pretraining.language import LanguageModelling
from tokenmill.training.fit import fit
from tokenmill.training.loop import Runtime
from tokenmill.training.order import TokenRows
from tokenmill.training.schedule import Schedule
from tokenmill.training.spikes import LIMIT


class Interrupted(LanguageModelling):
    """Gets a signal at the most awkward moment: after the loop has looked for one, before Lightning does."""

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self.trainer.global_step == 3:
            os.kill(os.getpid(), signal.SIGTERM)


class Broken(LanguageModelling):
    """Has losses that are no numbers at the steps in ``at``."""

    at = frozenset({2, 5})

    def prepare(self, step: int) -> tuple[int, Callable[[slice], Tensor]]:
        rows, share = super().prepare(step)
        return rows, lambda part: share(part) * (torch.nan if step in self.at else 1)


class Hopeless(Broken):
    at = frozenset(range(3, 100))


def new_task(cls: type[LanguageModelling] = LanguageModelling, *, steps: int = 8) -> LanguageModelling:
    stream = np.random.default_rng(0).integers(39, 320, 2000).astype(np.uint16)
    model = tiny_model("causal-lm").train()
    return cls(
        model,  # type: ignore[arg-type]
        Schedule(steps=steps, learning_rate=0.01, seed=1),
        objective=Objective("causal"),
        train=stream,
        validation=stream[:200],
        bytes_per_token=2.0,
        batch_rows=2,
        locate=lambda place: f"{place} of train-00000.npy",
    )


def run(task: LanguageModelling, checkpoint: Path, *, keep_best: bool = False) -> list[dict[str, float]]:
    """Train; returns the figures that were logged."""
    logged: list[dict[str, float]] = []
    fit(
        task,
        checkpoint=checkpoint,
        identity={"seed": 1},
        runtime=Runtime(threads=1, checkpoint_every_seconds=1000, log_every_steps=4),
        log=lambda figures, _: logged.append(dict(figures)),
        validations=2,
        name="gpt",
        keep_best=keep_best,
    )
    return logged


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


def test_a_step_without_a_number_changes_no_weight_and_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = new_task(Broken)
    logged = run(task, tmp_path / "last.ckpt")
    assert task.spikes.skipped == [2, 5]
    assert all(bool(parameter.isfinite().all()) for parameter in task.parameters())
    printed = capsys.readouterr()
    line = "step 2: loss is nan and gradient norm is nan (its 2 rows begin at token "
    assert line in printed.err and " of train-00000.npy); skipped" in printed.err
    assert "gpt: a checkpoint takes" in printed.out
    figures = {name: value for entry in logged for name, value in entry.items()}
    assert figures["train/skipped_steps"] == 2 and np.isfinite(figures["train/loss"])
    assert figures["checkpoint/megabytes"] > 0.1 and figures["checkpoint/seconds"] > 0


def test_too_many_of_them_end_the_run_at_the_step_and_its_data(tmp_path: Path) -> None:
    where = (
        r"\(its 2 rows begin at token \d+ of train-00000.npy, \d+ of train-00000.npy\); 10 of the last 128"
    )
    with pytest.raises(UserError, match=f"^step {3 + LIMIT - 1}: loss is nan.*{where}"):
        run(new_task(Hopeless, steps=100), tmp_path / "last.ckpt")


def test_a_token_beyond_the_vocabulary_is_named_with_its_step_and_data(tmp_path: Path) -> None:
    task = new_task()
    task.data = TokenRows(np.full(2000, 320, np.uint16), 33, seed=1)
    with pytest.raises(
        UserError, match=r"^token 320 is beyond .* of 320 in step 0 \(its 2 rows begin at token"
    ):
        run(task, tmp_path / "last.ckpt")


def test_a_checkpoint_that_does_not_fit_the_model_is_one_line(tmp_path: Path) -> None:
    checkpoint = tmp_path / "last.ckpt"
    run(new_task(), checkpoint)
    kept = torch.load(checkpoint, weights_only=True)
    del kept["state_dict"]["model.backbone.embeddings.token.weight"]
    torch.save(kept, checkpoint)
    with pytest.raises(UserError, match=r"last\.ckpt: cannot be continued .*; delete it"):
        run(new_task(), checkpoint)


def test_the_best_weights_are_kept_across_a_stop(tmp_path: Path) -> None:
    class Worsening(Interrupted):
        """Of two validations the first is the best; stopped right after it."""

        def validate(self) -> dict[str, float]:
            step = self.trainer.global_step
            weights[step] = self.model.backbone.embeddings.token.weight.detach().clone()
            return {"loss": abs(step - 4)}

    weights: dict[int, Tensor] = {}
    checkpoint = tmp_path / "last.ckpt"
    with pytest.raises(Stopped):
        run(new_task(Worsening), checkpoint, keep_best=True)
    task = new_task(Worsening)
    run(task, checkpoint, keep_best=True)
    assert sorted(weights) == [4, 8] and task.steps.first == 4
    assert task.best == {"step": 4, "loss": 0}
    assert bool((task.model.backbone.embeddings.token.weight == weights[4]).all())
    assert not bool((weights[4] == weights[8]).all())
