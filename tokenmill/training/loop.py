"""What happens after each training step, in one fixed order: log, validate, checkpoint, stop."""

import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
import torch

from tokenmill.core.errors import Stopped
from tokenmill.training import parallel
from tokenmill.training.checkpoints import size_of
from tokenmill.training.task import Task

Log = Callable[[Mapping[str, float], int], None]
"""Takes figures and the number of tokens seen; the caller decides where they go."""


@dataclass(frozen=True)
class Runtime:
    """How to compute; nothing of it changes the result."""

    threads: int
    checkpoint_every_seconds: float
    log_every_steps: int
    devices: int = 1
    nodes: int = 1
    micro_batch: int = 0
    strategy: Literal["ddp", "fsdp"] = "ddp"


class Loop(pl.Callback):
    """What happens after each step, in one fixed order: log, validate, checkpoint, stop.

    Validation stands here and not in Lightning's own loop, so that a step is validated exactly once however
    often the run is interrupted around it.
    """

    def __init__(
        self,
        name: str,
        checkpoint: Path,
        validate_at: frozenset[int],
        runtime: Runtime,
        log: Log,
        best: Path | None = None,
    ) -> None:
        """``best``: where to keep the weights with the lowest validation loss so far."""
        self.name, self.checkpoint, self.validate_at = name, checkpoint, validate_at
        self.best = best
        self.runtime, self.report = runtime, log
        self.started, self.saves = False, 0
        self.stop_signal: int | None = None
        self._saved_at = time.monotonic()
        self._losses: list[torch.Tensor] = []
        self._mark = (time.monotonic(), 0)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Lightning has put a handler of its own around ours. A SIGTERM that arrives between our look at the
        # flag and Lightning's would end the process with status 0 and no checkpoint.
        self.listen()
        self.started = True
        self._mark = (time.monotonic(), self._task(pl_module).seen)

    def listen(self) -> dict[int, Any]:
        """Have SIGTERM and Ctrl-C noted; returns the handlers before."""
        return {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}

    def _note(self, number: int, frame: object) -> None:
        if self.stop_signal is not None:
            raise Stopped(signal.Signals(number).name)
        self.stop_signal = number
        if parallel.rank() == 0:
            print("stopping after this step, with a checkpoint ...", file=sys.stderr, flush=True)

    @staticmethod
    def _task(module: pl.LightningModule) -> Task:
        assert isinstance(module, Task)
        return module

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        task, step = self._task(pl_module), trainer.global_step
        if step - 1 not in task.spikes.skipped[-1:]:
            self._losses.append(outputs["loss"].detach())
        if step % self.runtime.log_every_steps == 0:
            self._log_training(task)
        if step in self.validate_at:
            figures = task.compute(task.validate)
            task.curve.append({"tokens": task.seen, "split": "validation", **figures})
            self.report({f"val/{name}": value for name, value in figures.items()}, task.seen)
            if self.best is not None and figures["loss"] < task.best["loss"]:
                task.best = {"step": step, "loss": figures["loss"]}
                trainer.strategy.save_checkpoint({"state_dict": task.state_dict()}, self.best)
        due = time.monotonic() - self._saved_at >= self.runtime.checkpoint_every_seconds
        stop, due = parallel.agree(self.stop_signal is not None, due)
        if stop or due:
            self.save(trainer)
        if stop:
            # Not KeyboardInterrupt, on which Lightning would leave the process itself.
            raise Stopped(signal.Signals(self.stop_signal or signal.SIGTERM).name)

    def _log_training(self, task: Task) -> None:
        now, (then, seen) = time.monotonic(), self._mark
        figures = {
            "train/tokens_per_second": (task.seen - seen) / (now - then),
            "train/skipped_steps": float(len(task.spikes.skipped)),
        }
        if self._losses:
            figures["train/loss"] = float(parallel.mean(torch.stack(self._losses).mean()))
        self.report(figures, task.seen)
        self._losses, self._mark = [], (now, task.seen)

    def save(self, trainer: pl.Trainer) -> None:
        """Replace the checkpoint, and report its size and the time that it took."""
        started = time.monotonic()
        trainer.save_checkpoint(self.checkpoint)  # all processes meet here
        self._saved_at = time.monotonic()
        if not trainer.is_global_zero:
            return
        seconds, megabytes = self._saved_at - started, size_of(self.checkpoint) / 1e6
        if self.saves == 0:
            print(f"{self.name}: a checkpoint takes {megabytes:.1f} MB and {seconds:.2f} s", flush=True)
        self.saves += 1
        figures = {"checkpoint/megabytes": megabytes, "checkpoint/seconds": seconds}
        self.report(figures, self._task(trainer.lightning_module).seen)


class Signals:
    """The first SIGTERM or Ctrl-C is a flag that :class:`Loop` reads after the step; the second ends it."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop

    def __enter__(self) -> None:
        self.previous = self.loop.listen()

    def __exit__(self, *exception: object) -> None:
        for number, handler in self.previous.items():
            signal.signal(number, handler)
