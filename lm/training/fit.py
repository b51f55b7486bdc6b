"""Run a task through Lightning's Trainer, from its last checkpoint on where there is one."""

import logging
import warnings
from pathlib import Path

import pytorch_lightning as pl
import torch

from lm.errors import UserError
from lm.training.loop import Log, Loop, Runtime, Signals
from lm.training.memory import keep_freed_memory
from lm.training.progress import Progress
from lm.training.task import Task
from lm.training.threads import compute_threads


def validation_steps(steps: int, times: int) -> frozenset[int]:
    """``times`` steps spread evenly over a run, the last one among them."""
    return frozenset(round(steps * part / times) for part in range(1, times + 1)) - {0}


def fit(task: Task, *, checkpoint: Path, runtime: Runtime, log: Log, validations: int, name: str) -> None:
    """Train ``task`` to the end of its schedule, from ``checkpoint`` on where there is one.

    With one thread the same bytes come out whether or not the run was interrupted, on one kind of CPU; with
    more, the last bits may differ (docs/experiments.md). SIGTERM and Ctrl-C write a checkpoint after the step
    at hand.

    Raises:
        UserError: the checkpoint cannot be read, or the loss is no longer finite.
        Stopped: SIGTERM or Ctrl-C.
    """
    # Lightning advertises at INFO; what it has to warn of still comes through.
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    keep_freed_memory()
    torch.set_num_threads(compute_threads(runtime.threads))
    torch.use_deterministic_algorithms(True)
    loop = Loop(checkpoint, validation_steps(task.schedule.steps, validations), runtime, log)
    with warnings.catch_warnings():
        # Steps are drawn by number and need no workers; and resuming in the middle is what Steps is for.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*you're resuming from a checkpoint that ended.*")
        warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
        warnings.filterwarnings("ignore", message=".*dataloader is not resumable.*")
        trainer = pl.Trainer(
            max_steps=task.schedule.steps,
            accelerator="auto",
            devices=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[Progress(name), loop],
        )
        resume = str(checkpoint) if checkpoint.exists() else None
        with Signals(loop):
            try:
                trainer.fit(task, ckpt_path=resume, weights_only=True)
            except (RuntimeError, KeyError, EOFError) as error:
                if resume is None or task.steps.first:
                    raise
                problem = str(error).splitlines()[0][:200]
                raise UserError(
                    f"{checkpoint}: cannot be continued ({problem}); delete it to begin anew"
                ) from error
            if trainer.global_step > task.steps.first:
                loop.save(trainer)  # what follows may be interrupted too
