"""Rows that begin with a document and are filled up with whole ones, in place of cuts through the stream."""

from typing import Any

import numpy as np
import numpy.typing as npt

from tokenmill.core.errors import UserError
from tokenmill.training.order import Rows, Stream


class PackedRows(Rows):
    """Rows of whole documents, one after the other.

    A row takes a document of chance and then, as long as one fits, the longest that does (best fit); what
    room is left goes to the beginning of the shortest, whose rest is lost. Of a document longer than a row
    each full row is one, and what is left begins another. The rows are the same in all epochs, their order is
    not.
    """

    def __init__(self, stream: Stream, ends: npt.NDArray[np.int64], length: int, seed: int) -> None:
        """Pack the documents of ``stream``; each ends before its place in ``ends``.

        Raises:
            UserError: the documents do not fill a row.
        """
        begins, sizes, continues = _pieces(ends, length)
        chosen, firsts = _pack(sizes, continues, length, np.random.default_rng(seed))
        super().__init__(len(firsts) - 1, length, seed)
        if self.rows < 1:
            raise UserError(
                f"the training tokens ({len(stream)}) do not fill a row of {length}; "
                "add text under sources, or lower context"
            )
        self._stream, self._firsts = stream, firsts
        self._begins, self._sizes = begins[chosen], sizes[chosen]
        self.waste = 1 - self.rows * length / len(stream)

    def _start(self, offset: int, row: int) -> int:
        return int(self._begins[self._firsts[row]])

    def _read(self, offset: int, row: int) -> npt.NDArray[Any]:
        pieces = range(self._firsts[row], self._firsts[row + 1])
        parts = [self._stream[self._begins[n] : self._begins[n] + self._sizes[n]] for n in pieces]
        return np.concatenate(parts)[: self._length]


def _pieces(
    ends: npt.NDArray[np.int64], length: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Begin and size of every piece of at most ``length`` tokens, and whether it continues a document."""
    begins = np.concatenate([[0], ends[:-1]])
    counts = -(-(ends - begins) // length)
    number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    starts = np.repeat(begins, counts) + number * length
    return starts, np.minimum(np.repeat(ends, counts) - starts, length), number > 0


def _pack(
    sizes: npt.NDArray[np.int64],
    continues: npt.NDArray[np.bool_],
    length: int,
    random: np.random.Generator,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Pieces in the order of the rows that they make, and where in it each row begins, one more than rows."""
    size_of, order = sizes.tolist(), random.permutation(len(sizes))
    order = np.concatenate([order[continues[order]], order[~continues[order]]])
    waiting: list[list[int]] = [[] for _ in range(length + 1)]  # documents by size; some are used by now
    for piece in order[continues.sum() :].tolist():
        waiting[size_of[piece]].append(piece)
    used = bytearray(len(sizes))
    chosen: list[int] = []
    firsts = [0]

    def take(sizes: range) -> int | None:
        """A document of the first of these sizes that there is one of."""
        for size in sizes:
            while waiting[size]:
                piece = waiting[size].pop()
                if not used[piece]:
                    used[piece] = 1
                    return piece
        return None

    for first in order.tolist():
        if used[first]:
            continue
        used[first] = 1
        row, room = [first], length - size_of[first]
        while room > 0:
            piece = take(range(room, 0, -1))
            if piece is None:
                piece = take(range(room + 1, length + 1))
            if piece is None:
                break
            row.append(piece)
            room -= size_of[piece]
        if room > 0:  # nothing is left to fill it with
            break
        chosen += row
        firsts.append(len(chosen))
    return np.array(chosen, np.int64), np.array(firsts, np.int64)
