"""Run a task through Lightning's Trainer, from its last checkpoint on where there is one."""

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from tokenmill.core.errors import UserError
from tokenmill.core.threads import compute_threads, reproducible_products
from tokenmill.jobs.progress import Progress
from tokenmill.training import parallel
from tokenmill.training.checkpoints import Checkpoints, cannot_continue
from tokenmill.training.loop import Log, Loop, Runtime, Signals
from tokenmill.training.memory import keep_freed_memory
from tokenmill.training.task import Task


def validation_steps(steps: int, times: int) -> frozenset[int]:
    """``times`` steps spread evenly over a run, the last one among them."""
    return frozenset(round(steps * part / times) for part in range(1, times + 1)) - {0}


def fit(
    task: Task,
    *,
    checkpoint: Path,
    identity: Mapping[str, Any],
    runtime: Runtime,
    log: Log,
    validations: int,
    name: str,
    keep_best: bool = False,
) -> None:
    """Train ``task`` to the end of its schedule, from ``checkpoint`` on where there is one.

    ``identity`` (params, digests of the data) says what the weights come from; a checkpoint of another run is
    refused. With ``keep_best`` the task ends with the weights of its lowest validation loss, not the last.

    On one kind of CPU and with one number of threads the same bytes come out whether or not the run was
    interrupted. SIGTERM and Ctrl-C write a checkpoint after the step at hand.

    Raises:
        UserError: the checkpoint cannot be read or is of another run, or too many steps went wrong.
        Stopped: SIGTERM or Ctrl-C.
    """
    # Lightning advertises at INFO; what it has to warn of still comes through.
    for module in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(module).setLevel(logging.WARNING)
    reproducible_products()
    keep_freed_memory()
    settings = parallel.trainer_settings(runtime)
    torch.set_num_threads(runtime.threads or max(1, compute_threads(0) // runtime.devices))
    # On GPUs some operations have no deterministic algorithm: they warn, and only CPUs promise equal bytes.
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
    task.micro_batch = runtime.micro_batch
    best = checkpoint.with_name(f"{checkpoint.stem}-best.ckpt")
    loop = Loop(
        name,
        checkpoint,
        validation_steps(task.schedule.steps, validations),
        runtime,
        log,
        best if keep_best else None,
    )
    with warnings.catch_warnings():
        # Steps are drawn by number and need no workers; and resuming in the middle is what Steps is for.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*you're resuming from a checkpoint that ended.*")
        warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
        warnings.filterwarnings("ignore", message=".*dataloader is not resumable.*")
        trainer = pl.Trainer(
            max_steps=task.schedule.steps,
            **settings,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[Progress(name), loop],
            plugins=[Checkpoints(identity, sharded=parallel.sharded(runtime))],
        )
        resume = str(checkpoint) if checkpoint.exists() else None
        with Signals(loop):
            try:
                trainer.fit(task, ckpt_path=resume, weights_only=True)
            except (RuntimeError, KeyError) as error:
                if resume is None or loop.started:
                    raise
                raise UserError(cannot_continue(checkpoint, error)) from error
            if trainer.global_step > task.steps.first:
                loop.save(trainer)  # what follows may be interrupted too
    task.gather()
    if keep_best:
        task.load_state_dict(Checkpoints(identity).load_checkpoint(best)["state_dict"])
