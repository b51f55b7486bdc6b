"""What fine-tuning will hold in memory, before it begins."""

from tokenmill.core.errors import UserError
from tokenmill.model.heads import Model, build_model
from tokenmill.model.names import LANGUAGE_MODELS
from tokenmill.tasks.labelling import VALIDATION_ROWS
from tokenmill.tasks.task import FinetuneTask
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
from tokenmill.training.settings import OptimizerName


def memory(task: FinetuneTask, base: Model, rows: int, optimizer: OptimizerName = "muon") -> Memory:
    """Bytes of a step of ``rows`` of the longest texts, all weights being trained, as the control's are.

    Beside the trained model stand ``base`` and, when it is written, a copy of itself.
    """
    config = task.config
    matrices, rest = trained_numbers(lambda: build_model(config), optimizer)
    weights, of_base = NUMBER * (matrices + rest), sum(weight.nbytes for weight in base.parameters())
    length = task.longest
    saved = estimate.saved_bytes(lambda: build_model(config), lambda model: task.largest(rows).loss(model))
    # AdamW's step holds two numbers for each of a matrix's, when activations are gone.
    step = 2 * NUMBER * len(config.labels) * (table_rows(len(config.labels)) if config.ngrams else 0)
    outputs = config.vocab_size if config.kind in LANGUAGE_MODELS else len(config.labels)
    wide = max(config.intermediate_width, outputs)
    return Memory(
        2 * weights + of_base,
        gradients=weights,
        optimizer=NUMBER * (matrices + 2 * rest),
        gathered=0,
        activations=max(step, round(OVERHEAD * saved)),
        validation=3 * NUMBER * VALIDATION_ROWS * length * wide,
        batch=TOKEN * task.batch_size * length,
    )


def check_memory(
    name: str, task: FinetuneTask, base: Model, runtime: Runtime, optimizer: OptimizerName = "muon"
) -> None:
    """Whether the training of ``finetune.NAME`` fits into the memory of this machine.

    Raises:
        UserError: it does not; the param to change is named.
    """
    there = available_memory(runtime.devices)
    own = -(-min(task.batch_size, task.documents) // runtime.processes)
    need = memory(task, base, min(own, runtime.micro_batch or own), optimizer)
    if need.total <= there:
        return
    what = f"finetune.{name} takes {gib(need.total)} a process, and there are {gib(there)}"
    if fitting := fitting_rows(there, lambda rows: memory(task, base, rows, optimizer)):
        raise UserError(f"{what}; set runtime.micro_batch to {fitting} in params.yaml")
    labels = len(task.config.labels)
    if task.config.ngrams:
        size = f"{labels:,} labels by {table_rows(labels):,} n-grams"
        raise UserError(f"{what}; set finetune.{name}.ngrams to 0 in params.yaml (its table has {size})")
    raise UserError(f"{what}; lower finetune.{name}.max_tokens in params.yaml, or begin with a smaller model")
