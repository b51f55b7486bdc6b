"""Data order: the rows of a step are a function of (seed, step) alone, so resuming needs no saved state."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tokenmill.core.errors import UserError


class Stream(Protocol):
    """Token ids one after the other: a 1-D array, or shards that are read as one."""

    def __len__(self) -> int: ...

    def __getitem__(self, places: slice, /) -> npt.NDArray[Any]: ...


class Rows(ABC):
    """Rows of a fixed length, all of them once an epoch, in an order drawn anew from ``(seed, epoch)``."""

    waste = 0.0
    """Share of the stream's tokens that no epoch's rows hold, but for less than two rows."""

    def __init__(self, rows: int, length: int, seed: int) -> None:
        self.rows, self._length, self._seed = rows, length, seed
        self._epoch: tuple[int, int, npt.NDArray[np.int64]] | None = None

    def starts(self, step: int, size: int) -> list[int]:
        """Where in the stream rows ``step * size .. (step + 1) * size`` of the endless sequence begin."""
        return [self._start(*place) for place in self._places(step, size)]

    def batch(self, step: int, size: int) -> Tensor:
        """The rows of :meth:`starts`: (size, length)."""
        rows = [self._read(*place) for place in self._places(step, size)]
        return torch.from_numpy(np.stack(rows).astype(np.int64))

    def _places(self, step: int, size: int) -> list[tuple[int, int]]:
        """The offset below ``length`` that the epoch drew, and the number of the row in it."""
        places = []
        for index in range(step * size, (step + 1) * size):
            epoch, place = divmod(index, self.rows)
            if self._epoch is None or self._epoch[0] != epoch:
                random = np.random.default_rng([self._seed, epoch])
                self._epoch = (epoch, int(random.integers(self._length)), random.permutation(self.rows))
            places.append((self._epoch[1], int(self._epoch[2][place])))
        return places

    @abstractmethod
    def _start(self, offset: int, row: int) -> int: ...

    @abstractmethod
    def _read(self, offset: int, row: int) -> npt.NDArray[Any]: ...


class TokenRows(Rows):
    """Rows cut from a token stream one after the other, wherever documents begin and end in it.

    Each epoch cuts from an offset of its own, so that rows differ between epochs.
    """

    def __init__(self, stream: Stream, length: int, seed: int) -> None:
        """Cut ``stream``.

        Raises:
            UserError: the stream is too short for two rows.
        """
        super().__init__((len(stream) - length) // length, length, seed)
        if self.rows < 1:
            raise UserError(
                f"the training tokens ({len(stream)}) do not fill two rows of {length}; "
                "add text under sources, or lower context"
            )
        self._stream = stream

    def _start(self, offset: int, row: int) -> int:
        return offset + row * self._length

    def _read(self, offset: int, row: int) -> npt.NDArray[Any]:
        begin = self._start(offset, row)
        return self._stream[begin : begin + self._length]


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
