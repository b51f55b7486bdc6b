"""64-bit numbers in a temporary file, for what is too large for memory."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import FileIO
from tempfile import TemporaryFile

import numpy as np

from tokenmill.data.shingles.units import Hashes

_BYTES = 8


class Scratch:
    """64-bit numbers in a file, which is read and not mapped: mapped pages would count as our memory."""

    def __init__(self, file: FileIO) -> None:
        self._file = file

    def write(self, numbers: Hashes, place: int) -> None:
        """Put ``numbers`` at ``place``, counted in numbers from the start."""
        self._file.seek(place * _BYTES)
        left = memoryview(numbers.tobytes())
        while left:
            left = left[self._file.write(left) :]

    def read(self, spans: Iterable[tuple[int, int]]) -> Hashes:
        """The numbers of each of ``spans`` (place, count), one span after the other."""
        descriptor = self._file.fileno()
        pieces = [os.pread(descriptor, count * _BYTES, place * _BYTES) for place, count in spans]
        return np.frombuffer(b"".join(pieces), np.uint64)


@contextmanager
def scratch_file() -> Iterator[Scratch]:
    """A file where temporary files lie (``TMPDIR``), without a name: it is gone even after a kill."""
    with TemporaryFile(buffering=0) as file:
        yield Scratch(file)
