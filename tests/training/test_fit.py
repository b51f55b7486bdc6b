"""Training keeps its promises about stopping, skipping and going on."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from tests.tiny_models import tiny_model
from tokenmill.core.errors import Stopped, UserError
from tokenmill.objectives.causal import Causal
from tokenmill.objectives.examples import Examples
from tokenmill.pretraining.language import LanguageModelling
from tokenmill.training.fit import fit
from tokenmill.training.module import TrainingModule
from tokenmill.training.order import TokenRows
from tokenmill.training.precision import chosen_precision
from tokenmill.training.runtime import Runtime
from tokenmill.training.schedule import Schedule
from tokenmill.training.spikes import LIMIT
from tokenmill.training.task import Batch

STREAM = np.random.default_rng(0).integers(39, 320, 2000).astype(np.uint16)


def new_task(cls: type[LanguageModelling] = LanguageModelling) -> LanguageModelling:
    return cls(
        tiny_model("causal-lm").config,
        Causal(),
        train=STREAM,
        validation=STREAM[:200],
        bytes_per_token=2.0,
        batch_rows=2,
        seed=1,
        locate=lambda place: f"{place} of train-00000.npy",
    )


def run(
    checkpoint: Path,
    task: LanguageModelling | None = None,
    *,
    steps: int = 8,
    log: Any = lambda figures, tokens: None,
    precision: Any = "float32",
    **how: Any,
) -> TrainingModule:
    return fit(
        tiny_model("causal-lm").train(),
        task or new_task(),
        Schedule(steps=steps, learning_rate=0.01, seed=1),
        checkpoint=checkpoint,
        runtime=Runtime(threads=1, checkpoint_every_seconds=1000, log_every_steps=4, precision=precision),
        log=log,
        validations=2,
        name="gpt",
        **how,
    )


class BrokenExamples(Examples):
    def loss(self, model: Any) -> Tensor:
        return super().loss(model) * torch.nan


class Broken(LanguageModelling):
    """Has losses that are no numbers at the steps in ``at``."""

    at = frozenset({2, 5})

    def batch(self, step: int) -> Batch:
        batch = super().batch(step)
        if step not in self.at:
            return batch
        assert isinstance(batch.examples, Examples)
        return Batch(step, batch.tokens, BrokenExamples(**vars(batch.examples)))


class Hopeless(Broken):
    at = frozenset(range(3, 100))


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal at the most awkward moment: after our callbacks have looked for one, before Lightning does."""

    def interrupt(self: TrainingModule, outputs: Any, batch: Batch, batch_idx: int) -> None:
        if self.trainer.global_step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(TrainingModule, "on_train_batch_end", interrupt)


class Started(pl.Callback):
    """Notes the steps whose batches it sees."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Batch, batch_idx: int) -> None:
        self.steps.append(batch.step)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_signal_at_any_moment_of_a_step_stops_after_the_next_with_a_checkpoint(
    tmp_path: Path, interrupted: None, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    stopped, whole = tmp_path / "stopped.ckpt", tmp_path / "whole.ckpt"
    with pytest.raises(Stopped, match="SIGTERM"):
        run(stopped, precision=precision)
    assert signal.getsignal(signal.SIGTERM) is before
    monkeypatch.undo()
    first, started = run(whole, precision=precision), Started()
    second = run(stopped, precision=precision, callbacks=[started])
    assert started.steps == [4, 5, 6, 7], "it went on from the step after the signal's"
    assert second.curve == first.curve and second.tokens_seen == first.tokens_seen
    for (name, one), (_, other) in zip(first.named_parameters(), second.named_parameters(), strict=True):
        assert bool((one == other).all()), name


def test_a_training_goes_on_in_its_precision_unless_told_otherwise(
    tmp_path: Path, interrupted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = chosen_precision("auto")
    elsewhere = "float32" if here == "bfloat16" else "bfloat16"
    with pytest.raises(Stopped):
        run(tmp_path / "last.ckpt", precision=elsewhere)
    monkeypatch.undo()
    refused = f"this training began in {elsewhere}, and this machine would go on in {here}; "
    with pytest.raises(UserError, match=refused):
        run(tmp_path / "last.ckpt", precision="auto")
    assert run(tmp_path / "last.ckpt", precision=here).precision == f"{elsewhere}, then {here}"


def test_a_step_without_a_number_changes_no_weight_and_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures: dict[str, float] = {}

    def log(values: Mapping[str, float], tokens: int) -> None:
        figures.update(values)

    module = run(tmp_path / "last.ckpt", new_task(Broken), log=log)
    assert module.spikes.skipped == [2, 5]
    assert all(bool(parameter.isfinite().all()) for parameter in module.parameters())
    printed = capsys.readouterr()
    line = "step 2: loss is nan and gradient norm is nan (its 2 rows begin at token "
    assert line in printed.err and " of train-00000.npy); skipped" in printed.err
    assert "gpt: a checkpoint takes" in printed.out
    assert figures["train/skipped_steps"] == 2 and np.isfinite(figures["train/loss"])
    assert 0 <= figures["train/learning_rate"] < 1 and figures["system/memory_megabytes"] > 50


def test_too_many_of_them_end_the_run_at_the_step_and_its_data(tmp_path: Path) -> None:
    where = (
        r"\(its 2 rows begin at token \d+ of train-00000.npy, \d+ of train-00000.npy\); 10 of the last 128"
    )
    with pytest.raises(UserError, match=f"^step {3 + LIMIT - 1}: loss is nan.*{where}"):
        run(tmp_path / "last.ckpt", new_task(Hopeless), steps=100)


def test_a_token_beyond_the_vocabulary_is_named_with_its_step_and_data(tmp_path: Path) -> None:
    task = new_task()
    task.rows = TokenRows(np.full(2000, 320, np.uint16), 33, seed=1)
    with pytest.raises(
        UserError, match=r"^token 320 is beyond .* of 320 in step 0 \(its 2 rows begin at token"
    ):
        run(tmp_path / "last.ckpt", task)


def test_a_checkpoint_that_does_not_fit_the_model_is_one_line(tmp_path: Path) -> None:
    checkpoint = tmp_path / "last.ckpt"
    run(checkpoint)
    kept = torch.load(checkpoint, weights_only=True)
    del kept["state_dict"]["model.backbone.embeddings.token.weight"]
    torch.save(kept, checkpoint)
    with pytest.raises(UserError, match=r"last\.ckpt: cannot be continued .*; delete it"):
        run(checkpoint)


def test_the_best_weights_are_kept_across_a_stop(
    tmp_path: Path, interrupted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights: list[Tensor] = []

    class Worsening(LanguageModelling):
        """Of two validations the first is the best; stopped right after it."""

        def validate(self, model: nn.Module) -> dict[str, float]:
            weights.append(model.get_parameter("backbone.embeddings.token.weight").detach().clone())
            return {"loss": float(len(weights))}

    checkpoint = tmp_path / "last.ckpt"
    with pytest.raises(Stopped):
        run(checkpoint, new_task(Worsening), keep_best=True)
    monkeypatch.undo()
    module = run(checkpoint, new_task(Worsening), keep_best=True)
    first, last = weights
    assert module.best == {"step": 4, "loss": 1}
    assert bool((module.model.get_parameter("backbone.embeddings.token.weight") == first).all())
    assert not bool((first == last).all())


@pytest.mark.parametrize("micro_batch", [1, 2])
def test_a_batch_in_parts_has_the_loss_and_gradients_of_the_whole(micro_batch: int) -> None:
    module = TrainingModule(
        tiny_model("causal-lm"), new_task(), Schedule(8, 0.01, 1), micro_batch=micro_batch
    )
    batch = module.task.batch(0)
    loss = module.training_step(batch, 0)
    loss.backward()
    parts = [weight.grad.clone() for weight in module.parameters() if weight.grad is not None]
    whole = TrainingModule(tiny_model("causal-lm"), new_task(), Schedule(8, 0.01, 1))
    expected = whole.training_step(batch, 0)
    expected.backward()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(parts, [w.grad for w in whole.parameters() if w.grad is not None])
