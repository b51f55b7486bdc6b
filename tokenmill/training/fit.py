"""Train a model on a task through Lightning's Trainer, from its last checkpoint on where there is one."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import pytorch_lightning as pl
import torch
from torch import nn

from tokenmill.core.errors import UserError
from tokenmill.core.threads import compute_threads, reproducible_products
from tokenmill.training.callbacks import Log, LogTraining, SaveAndStop, Validate
from tokenmill.training.checkpoints import Checkpoints, cannot_continue
from tokenmill.training.data import TrainingData
from tokenmill.training.devices import trainer_settings
from tokenmill.training.memory import keep_freed_memory
from tokenmill.training.module import TrainingModule
from tokenmill.training.precision import chosen_precision
from tokenmill.training.runtime import Runtime
from tokenmill.training.schedule import Schedule
from tokenmill.training.task import Task

EXPECTED_WARNINGS = (
    ".*does not have many workers.*",  # batches are drawn by number, which takes no time
    ".*you're resuming from a checkpoint that ended.*",
    ".*dataloader is not resumable.*",  # it begins with the next step: see data.py
    ".*isinstance.treespec, LeafSpec.*",
)


def fit(
    model: nn.Module,
    task: Task,
    schedule: Schedule,
    *,
    checkpoint: Path,
    runtime: Runtime,
    validations: int,
    log: Log = lambda figures, tokens: None,
    name: str = "model",
    keep_best: bool = False,
    callbacks: Sequence[pl.Callback] = (),
) -> TrainingModule:
    """Train ``model``, in place, to the end of its schedule, from ``checkpoint`` on where there is one.

    On one kind of CPU and with one number of threads the same bytes come out whether or not the run was
    interrupted. SIGTERM and Ctrl-C write a checkpoint after the step at hand.

    Args:
        model: in main memory.
        task: what it learns.
        schedule: steps, learning rate, seed.
        checkpoint: a file in a folder of this run's own.
        runtime: how to compute.
        validations: how often to validate, spread evenly over the steps, the last one among them; 0: never.
        log: takes figures and the tokens seen.
        name: for what is printed.
        keep_best: end with the weights of the lowest validation loss, not with the last.
        callbacks: Lightning's or the caller's own; they are called before a step's checkpoint is written.

    Returns:
        The module, with the learning curve, the tokens seen and the steps that were skipped.

    Raises:
        UserError: the checkpoint cannot be read, or too many steps went wrong.
        Stopped: SIGTERM or Ctrl-C.
    """
    prepare_process(runtime)
    module = TrainingModule(
        model,
        task,
        schedule,
        micro_batch=runtime.micro_batch,
        precision=chosen_precision(runtime.precision),
        keep_precision=runtime.precision == "auto",
    )
    best = checkpoint.with_name(f"{checkpoint.stem}-best.ckpt") if keep_best else None
    saving = SaveAndStop(name, checkpoint, runtime.checkpoint_every_seconds)
    with warnings.catch_warnings():
        for message in EXPECTED_WARNINGS:
            warnings.filterwarnings("ignore", message=message)
        trainer = pl.Trainer(
            **trainer_settings(runtime),
            max_steps=schedule.steps,
            callbacks=[
                *callbacks,
                LogTraining(log, runtime.log_every_steps),
                Validate(log, validation_steps(schedule.steps, validations), best),
                saving,
            ],
            plugins=[Checkpoints(sharded=runtime.sharded)],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        resume = str(checkpoint) if checkpoint.exists() else None
        with saving.listening():
            try:
                trainer.fit(module, TrainingData(task, schedule.steps), ckpt_path=resume, weights_only=True)
            except (RuntimeError, KeyError) as error:
                if resume is None or saving.started:
                    raise
                raise UserError(cannot_continue(checkpoint, error)) from error
            if saving.started:
                saving.save(trainer)  # what follows may be interrupted too
    module.gather()
    if best is not None:
        module.load_state_dict(Checkpoints().load_checkpoint(best)["state_dict"])
    return module


def prepare_process(runtime: Runtime) -> None:
    """Set what torch, Lightning and the allocator keep for the whole process."""
    # Lightning advertises at INFO; what it has to warn of still comes through.
    for library in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(library).setLevel(logging.WARNING)
    reproducible_products()
    keep_freed_memory()
    torch.set_num_threads(runtime.threads or max(1, compute_threads(0) // runtime.devices))
    # On GPUs some operations have no deterministic algorithm: they warn, and only CPUs promise equal bytes.
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
    # That also fills memory which nothing has written yet: a twentieth of a step, for nothing reads it here.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def validation_steps(steps: int, times: int) -> frozenset[int]:
    """``times`` steps spread evenly over a run, the last one among them."""
    return frozenset(round(steps * part / times) for part in range(1, times + 1)) - {0}
