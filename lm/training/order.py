"""Data order: the rows of a step are a function of (seed, step) alone, so resuming needs no saved state."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from lm.errors import UserError


class TokenRows:
    """Rows of a fixed length cut from a token stream, shuffled anew each epoch.

    Epoch ``e`` cuts the stream from an offset and visits the rows in an order that are both drawn from
    ``(seed, e)``, so that rows differ between epochs.
    """

    def __init__(self, stream: npt.NDArray[Any], length: int, seed: int) -> None:
        """``stream``: 1-D token ids.

        Raises:
            UserError: the stream is too short for two rows.
        """
        self.rows = (len(stream) - length) // length
        if self.rows < 1:
            raise UserError(
                f"the training tokens ({len(stream)}) do not fill two rows of {length}; "
                "add text under sources, or lower context"
            )
        self._stream, self._length, self._seed = stream, length, seed
        self._epoch: tuple[int, int, npt.NDArray[np.int64]] | None = None

    def _order(self, epoch: int) -> tuple[int, npt.NDArray[np.int64]]:
        if self._epoch is None or self._epoch[0] != epoch:
            random = np.random.default_rng([self._seed, epoch])
            self._epoch = (epoch, int(random.integers(self._length)), random.permutation(self.rows))
        return self._epoch[1:]

    def starts(self, step: int, size: int) -> list[int]:
        """Where rows ``step * size .. (step + 1) * size`` of the endless sequence of epochs begin."""
        starts = []
        for index in range(step * size, (step + 1) * size):
            epoch, place = divmod(index, self.rows)
            offset, order = self._order(epoch)
            starts.append(offset + int(order[place]) * self._length)
        return starts

    def batch(self, step: int, size: int) -> Tensor:
        """The rows of :meth:`starts`: (size, length)."""
        rows = [self._stream[begin : begin + self._length] for begin in self.starts(step, size)]
        return torch.from_numpy(np.stack(rows).astype(np.int64))


def length_buckets(lengths: Sequence[int], size: int, seed: int, epoch: int) -> list[list[int]]:
    """Indices in batches of at most ``size`` whose lengths are alike, so that padding is rare.

    The texts are shuffled, sorted by length within groups of 50 batches, cut into batches, and the batches
    shuffled: random enough to learn from, and a function of (seed, epoch) alone.
    """
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(len(lengths))
    batches = []
    for start in range(0, len(order), 50 * size):
        group = sorted(order[start : start + 50 * size].tolist(), key=lambda index: (lengths[index], index))
        batches += [group[at : at + size] for at in range(0, len(group), size)]
    return [batches[index] for index in random.permutation(len(batches))]


class Steps(IterableDataset[int]):
    """The numbers of the steps still to do. Tasks turn a number into a batch.

    ``first`` is set from the checkpoint before the loader is read; Lightning itself does not move a data
    iterator forward when it resumes.
    """

    def __init__(self, total: int) -> None:
        self.total, self.first = total, 0

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.total))
