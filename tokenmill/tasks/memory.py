"""What fine-tuning will hold in memory, before it begins."""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from tokenmill.core.errors import UserError
from tokenmill.model.heads import Model, TaskModel, build_model
from tokenmill.tasks.labelling import VALIDATION_ROWS, Labelling
from tokenmill.text.ngrams import table_rows
from tokenmill.training import estimate
from tokenmill.training.estimate import (
    NUMBER,
    OVERHEAD,
    TOKEN,
    Memory,
    available_memory,
    fitting_rows,
    gib,
    trained_numbers,
)
from tokenmill.training.runtime import Runtime


def memory(task: Labelling, base: Model, rows: int) -> Memory:
    """Bytes of a step of ``rows`` of the longest texts, all weights being trained, as the control's are.

    Beside the trained model stand ``base`` and, when it is written, a copy of itself.
    """
    config = task.config
    matrices, rest = trained_numbers(lambda: build_model(config))
    weights, of_base = NUMBER * (matrices + rest), sum(weight.nbytes for weight in base.parameters())
    length = max(map(len, task.train.rows))
    saved = estimate.saved_bytes(
        lambda: cast(TaskModel, build_model(config)), lambda model: _loss(model, task, rows, length)
    )
    # AdamW's step holds two numbers for each of a matrix's, when activations are gone.
    step = 2 * NUMBER * len(config.labels) * (table_rows(len(config.labels)) if config.ngrams else 0)
    wide = max(config.intermediate_width, len(config.labels))
    return Memory(
        2 * weights + of_base,
        gradients=weights,
        optimizer=NUMBER * (matrices + 2 * rest),
        gathered=0,
        activations=max(step, round(OVERHEAD * saved)),
        validation=3 * NUMBER * VALIDATION_ROWS * length * wide,
        batch=TOKEN * task.batch_size * length,
    )


def _loss(model: TaskModel, task: Labelling, rows: int, length: int) -> Tensor:
    """The loss of as many texts of that length, each with the n-grams of the one that has most."""
    config, tokens_BT = task.config, torch.zeros(rows, length, dtype=torch.long)
    # A recurrent network looks at what the mask says.
    mask_BT = torch.ones_like(tokens_BT, dtype=torch.bool) if config.cell == "attention" else None
    ngrams_BG = torch.zeros(rows, task.train.most_ngrams, dtype=torch.long) if config.ngrams else None
    logits = model(tokens_BT, mask_BT, ngrams_BG=ngrams_BG, apart=True).flatten(0, -2).float()
    return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long), reduction="sum")


def check_memory(name: str, task: Labelling, base: Model, runtime: Runtime) -> None:
    """Whether the training of ``finetune.NAME`` fits into the memory of this machine.

    Raises:
        UserError: it does not; the param to change is named.
    """
    there = available_memory(runtime.devices)
    own = -(-min(task.batch_size, task.train.documents) // runtime.processes)
    need = memory(task, base, min(own, runtime.micro_batch or own))
    if need.total <= there:
        return
    what = f"finetune.{name} takes {gib(need.total)} a process, and there are {gib(there)}"
    if fitting := fitting_rows(there, lambda rows: memory(task, base, rows)):
        raise UserError(f"{what}; set runtime.micro_batch to {fitting} in params.yaml")
    labels = len(task.config.labels)
    if task.config.ngrams:
        size = f"{labels:,} labels by {table_rows(labels):,} n-grams"
        raise UserError(f"{what}; set finetune.{name}.ngrams to 0 in params.yaml (its table has {size})")
    raise UserError(f"{what}; lower finetune.{name}.max_tokens in params.yaml, or begin with a smaller model")
