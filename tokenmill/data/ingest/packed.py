"""The bytes of a file, plain or decompressed, in bounded memory."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import zstandard

from tokenmill.core.errors import UserError
from tokenmill.data.ingest.files import SourceFile
from tokenmill.data.ingest.names import is_compressed

CHUNK = 1 << 20
"""Bytes read at a time."""
SLICE = 1 << 13
"""Bytes of a .zst given to the decoder at a time. Four of them may stand for 128 KiB: this bounds what comes
back at once to 256 MiB."""
MAX_WINDOW = 1 << 27
"""The largest window of a .zst, in bytes: also what ``zstd -d`` takes without being asked for more."""
MAX_RATIO, FREE = 250, 16 << 20
"""Beyond ``FREE`` bytes, what a file unpacks to may be so many times its size. Text comes to 3 or 4 times,
logs to 30; what was made to fill memories comes to 1,000 (gzip) or 30,000 (zstd)."""


def unpack(file: SourceFile) -> Iterator[bytes]:
    """A file's bytes, decompressed where its name says so, in pieces of about ``CHUNK``.

    Raises:
        UserError: it cannot be opened or read, is cut off or damaged, or unpacks to far too much.
    """
    with _opened(file) as raw:
        if not is_compressed(file.name):
            while chunk := raw.read(CHUNK):
                yield chunk
            return
        unpacked = 0
        for chunk in (_gunzip if file.name.endswith(".gz") else _unzstd)(file, raw):
            unpacked += len(chunk)
            if unpacked > max(FREE, MAX_RATIO * raw.tell()):
                raise UserError(
                    f"{file.name}: its first {raw.tell():,} bytes unpack to over {MAX_RATIO} times as many; "
                    f"if that is meant, unpack it yourself"
                )
            yield chunk


@contextmanager
def _opened(file: SourceFile) -> Iterator[io.BufferedReader]:
    try:
        with file.path.open("rb") as stream:
            yield stream
    except OSError as error:
        raise UserError(f"{file.name}: cannot be read ({error.strerror or error})") from None


def _gunzip(file: SourceFile, raw: io.BufferedReader) -> Iterator[bytes]:
    try:
        with gzip.GzipFile(fileobj=raw, mode="rb") as stream:
            while chunk := stream.read(CHUNK):
                yield chunk
    except EOFError:
        raise _cut_off(file) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise _damaged(file, error) from None


def _unzstd(file: SourceFile, raw: io.BufferedReader) -> Iterator[bytes]:
    # stream_reader() ends without a word where the data are cut off; decompressobj() knows.
    # A file may be several frames one after the other.
    decoder = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW)
    frame = decoder.decompressobj()
    begun = False
    ready: list[bytes] = []
    size = 0
    try:
        while compressed := raw.read(SLICE):
            while compressed:
                begun = True
                ready.append(data := frame.decompress(compressed))
                size += len(data)
                compressed = b""
                if frame.eof:
                    compressed, begun = frame.unused_data, False
                    frame = decoder.decompressobj()
            if size >= CHUNK:
                data = b"".join(ready)
                for place in range(0, size, CHUNK):
                    yield data[place : place + CHUNK]
                ready, size = [], 0
    except zstandard.ZstdError as error:
        if "too much memory" in str(error):
            raise UserError(
                f"{file.name}: its window of over {MAX_WINDOW >> 20} MiB takes as much memory to unpack; "
                f"unpack it with `zstd -d --long=31`"
            ) from None
        raise _damaged(file, error) from None
    yield b"".join(ready)
    if begun:
        raise _cut_off(file)


def _cut_off(file: SourceFile) -> UserError:
    return UserError(f"{file.name}: the compressed file is cut off; fetch or copy it again")


def _damaged(file: SourceFile, error: Exception) -> UserError:
    return UserError(
        f"{file.name}: cannot be decompressed ({str(error).splitlines()[0]}); fetch or copy it again"
    )
