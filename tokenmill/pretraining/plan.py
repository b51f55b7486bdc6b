"""What a training will take, before it begins: parameters, operations, memory, time."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from tokenmill.core.errors import UserError
from tokenmill.model.config import ModelConfig
from tokenmill.model.heads import LanguageModel, build_model
from tokenmill.objectives.objective import RowShape
from tokenmill.objectives.scoring import BATCH_TOKENS
from tokenmill.pretraining.flops import training_flops
from tokenmill.training.optimizer import MuonAdamW, parameter_groups

NUMBER = 4
"""Bytes of a float32: weights, gradients, the optimizer's state and activations are kept in it."""

OVERHEAD = 1.3
"""Gradients of activations and what the allocator cannot use again, by what was measured
(docs/experiments.md)."""

BASE = 600 << 20
"""Bytes that a process holds once torch, Lightning and the rest are loaded."""


@dataclass(frozen=True)
class Memory:
    """Bytes at the peak of a step in one process."""

    weights: int
    gradients: int
    optimizer: int
    gathered: int
    """Weights of other processes that are at hand for a while, and their gradients (FSDP)."""
    activations: int
    validation: int
    """Logits, their softmax and those at targets, of a batch of validation."""

    @property
    def total(self) -> int:
        """All of it, with what every process holds: what a step frees seldom fits what validation wants."""
        of_step = self.weights + self.gradients + self.optimizer + self.gathered + self.activations
        return BASE + of_step + self.validation


def parameters(config: ModelConfig) -> tuple[int, int]:
    """Numbers in the matrices that Muon trains, and in all that AdamW trains."""
    with torch.device("meta"):
        groups = parameter_groups(build_model(config), 1.0)
    muon, adamw = (
        sum(p.numel() for group in groups if group["muon"] is kind for p in group["params"])
        for kind in (True, False)
    )
    return muon, adamw


def memory(config: ModelConfig, row: RowShape, rows: int, *, shards: int = 1) -> Memory:
    """Memory of a step of ``rows`` rows: one momentum a number in Muon's matrices, two moments in AdamW's.

    Of weights that are shared out over several processes (``shards``), each has its share, and gathers what
    stands outside of the blocks, the block that computes and the next one.

    Activations are what torch saves in the forward pass for the backward pass, found with tensors that have
    shapes and no content, and :data:`OVERHEAD` of it.
    """
    matrices, rest = parameters(config)
    weights = NUMBER * (matrices + rest) // shards
    blocks = config.layers + config.decoder_layers
    gathered = 2 * NUMBER * (rest + 2 * matrices // blocks) if shards > 1 else 0
    activations = round(OVERHEAD * saved_bytes(config, row, rows))
    validated = BATCH_TOKENS * row.predicted // (row.source or row.positions)
    validation = 3 * NUMBER * validated * config.vocab_size
    optimizer = NUMBER * (matrices + 2 * rest) // shards
    return Memory(weights, weights, optimizer, gathered, activations, validation)


def saved_bytes(config: ModelConfig, row: RowShape, rows: int) -> int:
    """Bytes that a forward pass saves for its backward pass, weights left out."""
    held: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        held.setdefault(storage._cdata, storage.nbytes())
        return tensor

    with FakeTensorMode():
        model = build_model(config)
        assert isinstance(model, LanguageModel)
        for weight in (*model.parameters(), *model.buffers()):
            held[weight.untyped_storage()._cdata] = 0
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = _loss(model, row, rows)
        del loss
    return sum(held.values())


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


def available_memory(processes: int) -> int:
    """Bytes that each of ``processes`` on this machine may still take: of its GPU, or of main memory."""
    if torch.cuda.is_available():
        return torch.cuda.mem_get_info()[0]
    free = psutil.virtual_memory().available
    limit, used = (Path("/sys/fs/cgroup") / name for name in ("memory.max", "memory.current"))
    if limit.is_file() and (most := limit.read_text().strip()) != "max":  # a container's
        free = min(free, int(most) - int(used.read_text()))
    return free // processes


def check_memory(
    config: ModelConfig, row: RowShape, rows: int, *, processes: int, shards: int, name: str
) -> Memory:
    """The :func:`memory` of a step of ``rows`` rows in each of ``processes`` on this machine.

    Raises:
        UserError: it is more than there is; the param to change is named.
    """
    need, there = memory(config, row, rows, shards=shards), available_memory(processes)
    if need.total <= there:
        return need
    what = f"pretrain.{name} takes {need.total / 2**30:.1f} GiB a process, and there are {there / 2**30:.1f}"
    fixed = need.total - need.activations
    fitting = int((there - fixed) / need.activations * rows)
    if fitting >= 1:
        raise UserError(f"{what}; set runtime.micro_batch to {fitting} in params.yaml")
    raise UserError(f"{what}; lower width, layers or context under pretrain.{name} in params.yaml")


def measured_step(config: ModelConfig, row: RowShape, rows: int, parts: int, seconds: float = 8.0) -> float:
    """Seconds of a step of ``parts`` times ``rows`` rows on this machine, from at most about ``seconds``.

    A model that is too large for that is measured with fewer rows, and one of which a single row is too much
    with a matrix product: three quarters of its speed are what training reaches at best.
    """
    flops = training_flops(config, positions=row.positions, source=row.source, predicted=row.predicted)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    rate = _product_rate(device)
    least = flops / rate
    if least > seconds / 3:
        return parts * rows * least / 0.75
    tried = max(1, min(rows, int(seconds / 3 / least / 2)))
    model = build_model(config).to(device)
    assert isinstance(model, LanguageModel)
    optimizer = MuonAdamW(parameter_groups(model, 1e-9))
    started = time.monotonic()
    passes: list[float] = []
    steps: list[float] = []
    while len(passes) < 2 or (len(passes) < 6 and time.monotonic() - started < seconds / 2):
        model.zero_grad()
        passes.append(_seconds(lambda: _loss(model, row, tried).backward(), device))
        steps.append(_seconds(optimizer.step, device))
    return parts * rows / tried * min(passes) + min(steps)


def _product_rate(device: torch.device) -> float:
    """FLOPs a second of a matrix product."""
    matrix = torch.ones(1024, 1024, device=device)
    return 2 * 1024**3 / min(_seconds(lambda: matrix @ matrix, device) for _ in range(5))


def _seconds(action: Callable[[], object], device: torch.device) -> float:
    started = time.perf_counter()
    action()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started
