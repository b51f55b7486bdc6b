"""Several processes at one training: who computes which rows, and what they must agree on.

Data order and masks are drawn for the whole batch in every process, which then takes its rows of it. So a
step's batch is the same for any number of processes, and its gradient the same but for rounding.
"""

import os
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor

from lm.errors import UserError
from lm.training.threads import compute_threads

if TYPE_CHECKING:
    from lm.training.loop import Runtime


def rank() -> int:
    """This process's number."""
    return dist.get_rank() if dist.is_initialized() else 0


def world() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def pieces(rows: int, micro_batch: int) -> list[slice]:
    """This process's rows of a batch, in parts of at most ``micro_batch`` (0: in one).

    Every process gets as many parts as any other, since processes wait for each other at each of them; where
    rows are few, some parts are empty.
    """
    begin, end = (rows * number // world() for number in (rank(), rank() + 1))
    most = -(-rows // world())
    count = -(-most // micro_batch) if micro_batch else 1
    borders = [begin + (end - begin) * number // count for number in range(count + 1)]
    return [slice(*pair) for pair in pairwise(borders)]


def mean(value: Tensor) -> Tensor:
    """The mean of a tensor over all processes; each must call this."""
    if world() == 1:
        return value
    total = value.detach().clone()
    dist.all_reduce(total)
    return total / world()


def agree(*flags: bool) -> list[bool]:
    """For each flag whether any process raises it; each must call this. Queued GPU work is not waited for."""
    if world() == 1:
        return list(flags)
    raised = torch.tensor(flags, dtype=torch.int32)
    dist.all_reduce(raised, dist.ReduceOp.MAX, group=_cpu_group())
    return [bool(flag) for flag in raised]


@cache
def _cpu_group() -> Any:
    return dist.new_group(backend="gloo")


def trainer_settings(runtime: "Runtime") -> dict[str, Any]:
    """What Lightning's Trainer is told of accelerator, devices, nodes, strategy and precision.

    Raises:
        UserError: there are fewer devices than asked for, or other processes were started than params say.
    """
    processes = runtime.devices * runtime.nodes
    there, what = torch.cuda.device_count(), "GPUs"
    if not there:
        there, what = compute_threads(0), "processor cores"
    if runtime.devices > there:
        raise UserError(
            f"params.yaml: runtime.devices is {runtime.devices}, but this machine has {there} {what}; "
            "lower it"
        )
    started = os.environ.get("WORLD_SIZE")
    if started is not None and int(started) != processes:
        raise UserError(
            f"{started} processes were started, but params.yaml says runtime.devices {runtime.devices} x "
            f"runtime.nodes {runtime.nodes}; make them agree"
        )
    # What products are computed in; weights and the optimizer's state stay float32. On a CPU without AMX
    # bfloat16 is slower (docs/experiments.md).
    bfloat16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    strategy: Any = "auto"
    if processes > 1:
        from pytorch_lightning.strategies import DDPStrategy

        strategy = DDPStrategy(gradient_as_bucket_view=True)
    return {
        "accelerator": "auto",
        "devices": runtime.devices,
        "num_nodes": runtime.nodes,
        "strategy": strategy,
        "precision": "bf16-mixed" if bfloat16 else "32-true",
    }
