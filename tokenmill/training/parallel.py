"""Several processes at one training: who computes which rows, and what they must agree on.

Data order and masks are drawn for the whole batch in every process, which then takes its rows of it. So a
step's batch is the same for any number of processes, and its gradient the same but for rounding.
"""

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.tensor import DTensor


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


def rows_of(total: int, number: int, count: int) -> slice:
    """Which of ``total`` rows process ``number`` of ``count`` keeps under FSDP: as ``torch.chunk`` cuts."""
    size = -(-total // count)
    return slice(min(number * size, total), min((number + 1) * size, total))


def on_whole_matrices(function: Callable[[Tensor], Tensor], rows_MrC: Tensor, height: int) -> Tensor:
    """Apply a function of a stack of matrices (M, R, C) to matrices whose rows are shared out.

    ``rows`` (M, r, C) are this process's rows (:func:`rows_of`) of M matrices of ``height`` rows; the same of
    the result come back. Each matrix is put together in one process, which computes it for all: with W
    processes, one holds M / W matrices at a time and does as much of the arithmetic, where a plain gathering
    would make each hold and compute all of them. Each process must call this.
    """
    count, own_rows, width = rows_MrC.shape
    everyone = range(world())
    matrices = [count * (number + 1) // world() - count * number // world() for number in everyone]
    own = matrices[rank()]
    heights = [part.stop - part.start for part in (rows_of(height, number, world()) for number in everyone)]
    there = [number * own_rows * width for number in matrices]
    here = [own * rows * width for rows in heights]
    pieces = rows_MrC.new_empty(sum(here))
    dist.all_to_all_single(pieces, rows_MrC.flatten(), here, there)
    blocks = [piece.view(own, rows, width) for piece, rows in zip(pieces.split(here), heights, strict=True)]
    whole = torch.cat(blocks, dim=1)
    if own:
        whole = function(whole)
    result = torch.empty_like(rows_MrC)
    parts = torch.cat([block.flatten() for block in whole.split(heights, dim=1)])
    dist.all_to_all_single(result.view(-1), parts, there, here)
    return result


def local(value: Tensor) -> Tensor:
    """A tensor itself, or this process's rows of one that is shared out (not a copy)."""
    return value.to_local() if isinstance(value, DTensor) else value


def mean(value: Tensor) -> Tensor:
    """The mean of a tensor over all processes; each must call this."""
    if world() == 1:
        return value
    total = value.detach().clone()
    dist.all_reduce(total)
    return total / world()


def maximum(*numbers: int) -> list[int]:
    """For each number its maximum over all processes; each must call this.

    Queued GPU work is not waited for.
    """
    if world() == 1:
        return list(numbers)
    found = torch.tensor(numbers)
    dist.all_reduce(found, dist.ReduceOp.MAX, group=_cpu_group())
    return found.tolist()


def any_of(*flags: bool) -> list[bool]:
    """For each flag whether any process raises it; each must call this."""
    return [bool(flag) for flag in maximum(*flags)]


@cache
def _cpu_group() -> Any:
    return dist.new_group(backend="gloo")
