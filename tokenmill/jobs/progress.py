"""Progress: a Rich bar on a terminal, a line at each quarter of the way elsewhere."""

import sys
import time
from typing import Any

import pytorch_lightning as pl
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar


class Progress(pl.Callback):
    """Steps done, tokens per second, loss and time left."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.bar: Bar | None = None
        self._mark = (0.0, 0, 0)

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self._mark = (time.monotonic(), trainer.global_step, pl_module.tokens_seen)
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
        quarter = max(1, total // 4)
        if self.bar is None and step % quarter and step != total:
            return
        started, first, seen = self._mark
        rate = (pl_module.tokens_seen - seen) / max(1e-9, time.monotonic() - started)
        figures = f"{rate:,.0f} tokens/s  loss {float(outputs['loss']):.3f}"
        if self.bar is not None:
            self.bar.update(self.bar.task_ids[0], completed=step, figures=figures)
            return
        left = (time.monotonic() - started) / max(1, step - first) * (total - step)
        print(f"{self.name}: step {step}/{total}  {figures}  {left:.0f} s left", flush=True)

    def teardown(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None
