"""Progress: a Rich bar on a terminal, elsewhere a line every two minutes and at each validation."""

import sys
import time
from typing import Any

import pytorch_lightning as pl
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from tokenmill.jobs.pace import Pace


class Progress(pl.Callback):
    """Steps done, tokens per second, loss and time left; the loss of each validation."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.bar: Bar | None = None
        self._mark = (0.0, 0, 0)
        self._pace = Pace()
        self._validations = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self._mark = (time.monotonic(), trainer.global_step, pl_module.tokens_seen)
        self._pace, self._validations = Pace(), len(pl_module.curve)
        if not trainer.is_global_zero:
            return
        if trainer.global_step:
            print(f"{self.name}: continues at step {trainer.global_step}", flush=True)
        if sys.stderr.isatty():
            from rich.console import Console

            self.bar = Bar(
                TextColumn(self.name),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[figures]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self.bar.start()
            self.bar.add_task("", total=trainer.max_steps, completed=trainer.global_step, figures="")

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, *rest: Any) -> None:
        if not trainer.is_global_zero:
            return
        step, total = trainer.global_step, trainer.max_steps
        if self.bar is None and step != total and not self._pace.is_due():
            return
        started, first, seen = self._mark
        rate = (pl_module.tokens_seen - seen) / max(1e-9, time.monotonic() - started)
        figures = f"{rate:,.0f} tokens/s  loss {float(outputs['loss']):.3f}"
        if self.bar is not None:
            self.bar.update(self.bar.task_ids[0], completed=step, figures=figures)
            return
        left = (time.monotonic() - started) / max(1, step - first) * (total - step)
        self._say(f"step {step}/{total}  {figures}  {left:.0f} s left")

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, *rest: Any) -> None:
        self._say_validation(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self._say_validation(trainer, pl_module)

    def _say_validation(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """A line, if there was a validation since the last step: it comes after that step's own callbacks."""
        if len(pl_module.curve) == self._validations:
            return
        self._validations = len(pl_module.curve)
        if trainer.is_global_zero and self.bar is None:
            loss, step = pl_module.curve[-1]["loss"], trainer.global_step
            self._say(f"validation loss {loss:.3f} after {step} of {trainer.max_steps} steps")

    def _say(self, what: str) -> None:
        print(f"{self.name}: {what}", flush=True)
        self._pace.note()

    def teardown(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None
