"""What happens after a step, in this order: log, validate, save a checkpoint, stop on a signal."""

import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytorch_lightning as pl
import torch

from tokenmill.core.errors import Stopped
from tokenmill.training import parallel
from tokenmill.training.checkpoints import size_of
from tokenmill.training.module import TrainingModule

Log = Callable[[Mapping[str, float], int], None]
"""Takes figures and the number of tokens seen; the caller decides where they go."""

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class LogTraining(pl.Callback):
    """Logs loss, learning rate, gradient norm, speed, memory and skipped steps every so many steps."""

    def __init__(self, log: Log, every_steps: int) -> None:
        self.report, self.every_steps = log, every_steps
        self._losses: list[torch.Tensor] = []
        self._since = (time.monotonic(), 0)

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self._since = (time.monotonic(), pl_module.tokens_seen)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, *_: Any) -> None:
        module: TrainingModule = pl_module
        if trainer.global_step - 1 not in module.spikes.skipped[-1:]:
            self._losses.append(outputs["loss"].detach())
        if trainer.global_step % self.every_steps:
            return
        now, (then, tokens) = time.monotonic(), self._since
        figures = {
            "train/tokens_per_second": (module.tokens_seen - tokens) / (now - then),
            "train/skipped_steps": float(len(module.spikes.skipped)),
            "train/learning_rate": float(trainer.optimizers[0].param_groups[0]["lr"]),
            "train/gradient_norm": module.gradient_norm,
            # MLflow shows what begins so on a page of its own.
            "system/memory_megabytes": psutil.Process().memory_info().rss / 1e6,
        }
        if self._losses:
            figures["train/loss"] = float(parallel.mean(torch.stack(self._losses).mean()))
        self.report(figures, module.tokens_seen)
        self._losses, self._since = [], (now, module.tokens_seen)


class Validate(pl.Callback):
    """Validates after given steps, and keeps the weights with the lowest loss where ``best`` is a path.

    Lightning's own validation loop is not used, so that a step is validated exactly once however often the
    run is interrupted around it.
    """

    def __init__(self, log: Log, at: frozenset[int], best: Path | None) -> None:
        self.report, self.at, self.best = log, at, best

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        module: TrainingModule = pl_module
        if trainer.global_step not in self.at:
            return
        with trainer.precision_plugin.forward_context():
            figures = module.validate()
        module.curve.append({"tokens": module.tokens_seen, "split": "validation", **figures})
        self.report({f"validation/{name}": value for name, value in figures.items()}, module.tokens_seen)
        if self.best is not None and figures["loss"] < module.best["loss"]:
            module.best = {"step": trainer.global_step, "loss": figures["loss"]}
            trainer.strategy.save_checkpoint({"state_dict": module.state_dict()}, self.best)


class SaveAndStop(pl.Callback):
    """Replaces the checkpoint every so many seconds, and on SIGTERM or Ctrl-C stops after the step with one.

    The first signal is a flag that is read after the step; the second ends the run at once.
    """

    def __init__(self, name: str, checkpoint: Path, every_seconds: float) -> None:
        self.name, self.checkpoint, self.every_seconds = name, checkpoint, every_seconds
        self.started, self.saves = False, 0
        self._signal: int | None = None
        self._saved_at = time.monotonic()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Have SIGTERM and Ctrl-C noted."""
        previous = {number: signal.signal(number, self._note) for number in STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: object) -> None:
        if self._signal is not None:
            raise Stopped(signal.Signals(number).name)
        self._signal = number
        if parallel.rank() == 0:
            print("stopping after this step, with a checkpoint ...", file=sys.stderr, flush=True)

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        # Lightning has put a handler of its own around ours. A SIGTERM that arrives between our look at the
        # flag and Lightning's would end the process with status 0 and no checkpoint.
        for number in STOP_SIGNALS:
            signal.signal(number, self._note)
        self.started = True

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        due = time.monotonic() - self._saved_at >= self.every_seconds
        stop, due = parallel.any_of(self._signal is not None, due)
        if stop or due:
            self.save(trainer)
        if stop:
            # Not KeyboardInterrupt, on which Lightning would leave the process itself.
            raise Stopped(signal.Signals(self._signal or signal.SIGTERM).name)

    def save(self, trainer: pl.Trainer) -> None:
        """Replace the checkpoint; the first one says its size and the time that it took."""
        started = time.monotonic()
        trainer.save_checkpoint(self.checkpoint)  # all processes meet here
        self._saved_at = time.monotonic()
        if not trainer.is_global_zero:
            return
        if self.saves == 0:
            seconds, megabytes = self._saved_at - started, size_of(self.checkpoint) / 1e6
            print(f"{self.name}: a checkpoint takes {megabytes:.1f} MB and {seconds:.2f} s", flush=True)
        self.saves += 1
