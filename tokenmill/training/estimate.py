"""What a step of training holds in memory, found without computing it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from tokenmill.core.memory import free_memory
from tokenmill.training.optimizer import parameter_groups
from tokenmill.training.settings import OptimizerName

NUMBER = 4
"""Bytes of a float32: weights, gradients and the optimizer's state are kept in it; activations are counted
in it, whatever products are computed in."""

OVERHEAD = 1.3
"""Gradients of activations and what the allocator cannot use again, by what was measured
(docs/experiments.md)."""

BASE = 600 << 20
"""Bytes that a process holds once torch, Lightning and the rest are loaded."""

TOKEN = 40
"""Bytes of a token of a batch, which is drawn whole: its id, the model's input, the label, and two numbers of
chance, of 8 bytes each."""

Built = TypeVar("Built", bound=nn.Module)


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
    """Of a batch of validation: logits, their softmax and those at targets."""
    batch: int
    """Tokens of the whole batch."""

    @property
    def total(self) -> int:
        """All of it, with what every process holds: what a step frees seldom fits what validation wants."""
        of_step = self.weights + self.gradients + self.optimizer + self.gathered + self.activations
        return BASE + of_step + self.validation + self.batch


def trained_numbers(build: Callable[[], nn.Module], optimizer: OptimizerName = "muon") -> tuple[int, int]:
    """Numbers in the matrices that Muon trains, and in all that AdamW trains."""
    with torch.device("meta"):
        groups = parameter_groups(build(), 1.0, optimizer)
    muon, adamw = (
        sum(p.numel() for group in groups if group["muon"] is kind for p in group["params"])
        for kind in (True, False)
    )
    return muon, adamw


def saved_bytes(build: Callable[[], Built], loss: Callable[[Built], Tensor]) -> int:
    """Bytes that a forward pass saves for its backward pass, weights left out.

    ``build`` and ``loss`` run with tensors that have shapes and no content.
    """
    held: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        held.setdefault(storage._cdata, storage.nbytes())
        return tensor

    with FakeTensorMode():
        model = build()
        for weight in (*model.parameters(), *model.buffers()):
            held[weight.untyped_storage()._cdata] = 0
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            value = loss(model)
        del value
    return sum(held.values())


def available_memory(processes: int) -> int:
    """Bytes that each of ``processes`` on this machine may still take: of its GPU, or of main memory."""
    if torch.cuda.is_available():
        return torch.cuda.mem_get_info()[0]
    return free_memory() // processes


def fitting_rows(there: int, need: Callable[[int], Memory]) -> int:
    """How many rows at once fit into ``there`` bytes: what a step holds grows with them in a line."""
    one, two = need(1), need(2)
    return max(0, (there - one.total) // max(1, two.total - one.total) + 1)


def gib(bytes: int) -> str:
    """``12.3 GiB``."""
    return f"{bytes / 2**30:,.1f} GiB"
