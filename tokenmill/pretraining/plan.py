"""What a training will take, before it begins: parameters, operations, memory, time."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from tokenmill.core.errors import UserError
from tokenmill.model.config import ModelConfig
from tokenmill.model.heads import LanguageModel, build_model
from tokenmill.objectives.objective import RowShape
from tokenmill.objectives.scoring import BATCH_TOKENS
from tokenmill.pretraining.flops import training_flops
from tokenmill.training import estimate
from tokenmill.training.estimate import NUMBER, OVERHEAD, TOKEN, Memory, available_memory, fitting_rows, gib
from tokenmill.training.optimizer import MuonAdamW, parameter_groups
from tokenmill.training.precision import Precision

LOOKED_AT = 24
"""Layers of which a model is built to count: blocks are alike, and with more of them all grows in a line."""


def parameters(config: ModelConfig) -> tuple[int, int]:
    """Numbers in the matrices that Muon trains, and in all that AdamW trains."""

    def count(config: ModelConfig) -> tuple[int, int]:
        return estimate.trained_numbers(lambda: build_model(config))

    return _by_layers(config, lambda few: count(few)[0]), _by_layers(config, lambda few: count(few)[1])


def _by_layers(config: ModelConfig, count: Callable[[ModelConfig], int]) -> int:
    """``count(config)``, from models with fewer layers where there are many."""
    if config.layers <= LOOKED_AT or config.decoder_layers not in (0, config.layers):
        return count(config)
    half, whole = (
        count(replace(config, layers=layers, decoder_layers=layers if config.decoder_layers else 0))
        for layers in (LOOKED_AT // 2, LOOKED_AT)
    )
    return whole + (whole - half) * (config.layers - LOOKED_AT) // (LOOKED_AT // 2)


def memory(
    config: ModelConfig, row: RowShape, rows: int, *, batch_rows: int | None = None, shards: int = 1
) -> Memory:
    """Memory of a step of ``rows`` rows: one momentum a number in Muon's matrices, two moments in AdamW's.

    Of weights that are shared out over several processes (``shards``), each has its share, and gathers what
    stands outside of the blocks, the block that computes and the next one.

    Activations are what torch saves in the forward pass for the backward pass, found with tensors that have
    shapes and no content, and :data:`OVERHEAD` of it.

    Args:
        config: of the model.
        row: what one row makes it compute.
        rows: computed at once.
        batch_rows: of the whole batch; None: the same.
        shards: processes that share out the weights.
    """
    activations = round(OVERHEAD * saved_bytes(config, row, rows))
    return _memory(config, row, activations, rows if batch_rows is None else batch_rows, shards)


def least_memory(
    config: ModelConfig, row: RowShape, rows: int, *, batch_rows: int, shards: int = 1
) -> Memory:
    """A bound below :func:`memory`, by arithmetic alone: of activations each block's input is counted."""
    inputs = row.source * config.layers + row.positions * (config.decoder_layers or config.layers)
    return _memory(config, row, NUMBER * rows * inputs * config.width, batch_rows, shards)


def _memory(config: ModelConfig, row: RowShape, activations: int, batch_rows: int, shards: int) -> Memory:
    matrices, rest = parameters(config)
    weights = NUMBER * (matrices + rest) // shards
    blocks = config.layers + config.decoder_layers
    validated = BATCH_TOKENS * row.predicted // (row.source or row.positions)
    return Memory(
        weights,
        gradients=weights,
        optimizer=NUMBER * (matrices + 2 * rest) // shards,
        gathered=2 * NUMBER * (rest + 2 * matrices // blocks) if shards > 1 else 0,
        activations=activations,
        validation=3 * NUMBER * validated * config.vocab_size,
        batch=TOKEN * batch_rows * (row.source + row.positions),
    )


def saved_bytes(config: ModelConfig, row: RowShape, rows: int) -> int:
    """Bytes that a forward pass saves for its backward pass, weights left out."""
    return _by_layers(
        config,
        lambda few: estimate.saved_bytes(
            lambda: cast(LanguageModel, build_model(few)), lambda model: _loss(model, row, rows)
        ),
    )


def _loss(model: LanguageModel, row: RowShape, rows: int) -> Tensor:
    """The loss of rows of one and the same token, of the shape that training has."""
    device = next(model.parameters()).device
    inputs = torch.zeros(rows, row.positions, dtype=torch.long, device=device)
    if row.source:
        memory = model.transformer.encode(inputs.new_zeros(rows, row.source))
        hidden = model.transformer.decode(inputs, memory_BSD=memory)
    else:
        hidden = model.backbone(inputs)
    hidden = hidden[:, : row.predicted].flatten(0, 1)
    return model.cross_entropy(hidden, inputs.new_zeros(len(hidden)))


def check_memory(
    config: ModelConfig,
    row: RowShape,
    rows: int,
    *,
    batch_rows: int,
    processes: int,
    shards: int,
    name: str,
) -> Memory:
    """The :func:`memory` of a step of ``rows`` rows in each of ``processes`` on this machine.

    What is too much by arithmetic alone is refused at once, however long it would take to look closer.

    Raises:
        UserError: it is more than there is; the param to change is named.
    """
    there = available_memory(processes)
    need = least_memory(config, row, rows, batch_rows=batch_rows, shards=shards)
    least = least_memory(config, row, 1, batch_rows=batch_rows, shards=shards)
    about = "at least "
    if need.total <= there:
        about, need = "", memory(config, row, rows, batch_rows=batch_rows, shards=shards)
        if need.total <= there:
            return need
    what = f"pretrain.{name} takes {about}{gib(need.total)} a process, and there are {gib(there)}"
    if least.batch > there / 2:
        raise UserError(f"{what}; lower batch_rows or context under pretrain.{name} in params.yaml")
    fitting = 0
    if least.total <= there:
        fitting = fitting_rows(
            there, lambda count: memory(config, row, count, batch_rows=batch_rows, shards=shards)
        )
    if fitting:
        raise UserError(f"{what}; set runtime.micro_batch to {fitting} in params.yaml")
    raise UserError(f"{what}; lower width, layers or context under pretrain.{name} in params.yaml")


def measured_step(
    config: ModelConfig,
    row: RowShape,
    rows: int,
    parts: int,
    precision: Precision = "float32",
    seconds: float = 8.0,
) -> float:
    """Seconds of a step of ``parts`` times ``rows`` rows on this machine, from at most about ``seconds``.

    A model that is too large for that is measured with fewer rows, and one of which a single row is too much
    with a matrix product: three quarters of its speed are what training reaches at best.
    """
    flops = training_flops(config, positions=row.positions, source=row.source, predicted=row.predicted)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype: torch.dtype = getattr(torch, precision)
    rate = _product_rate(device, dtype)
    least = flops / rate
    if least > seconds / 3:
        return parts * rows * least / 0.75
    tried = max(1, min(rows, int(seconds / 3 / least / 2)))
    model = build_model(config).to(device)
    assert isinstance(model, LanguageModel)
    optimizer = MuonAdamW(parameter_groups(model, 1e-9), dtype=dtype)

    def compute() -> None:
        with torch.autocast(device.type, dtype, enabled=precision == "bfloat16"):
            loss = _loss(model, row, tried)
        loss.backward()

    started = time.monotonic()
    passes: list[float] = []
    steps: list[float] = []
    while len(passes) < 2 or (len(passes) < 6 and time.monotonic() - started < seconds / 2):
        model.zero_grad()
        passes.append(_seconds(compute, device))
        steps.append(_seconds(optimizer.step, device))
    return parts * rows / tried * min(passes) + min(steps)


def _product_rate(device: torch.device, dtype: torch.dtype) -> float:
    """FLOPs a second of a matrix product."""
    matrix = torch.ones(1024, 1024, device=device, dtype=dtype)
    return 2 * 1024**3 / min(_seconds(lambda: matrix @ matrix, device) for _ in range(5))


def _seconds(action: Callable[[], object], device: torch.device) -> float:
    started = time.perf_counter()
    action()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started
