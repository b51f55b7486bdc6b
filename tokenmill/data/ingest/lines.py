"""Lines of a file, plain or compressed, as bytes, in bounded memory."""

import gzip
import zlib
from collections.abc import Iterator

import zstandard

from tokenmill.core.errors import UserError
from tokenmill.data.ingest.files import SourceFile

CHUNK = 1 << 20
"""Bytes read at a time."""


MARKS = {
    b"\xff\xfe": "is UTF-16; save it as UTF-8",
    b"\xfe\xff": "is UTF-16; save it as UTF-8",
    b"\x1f\x8b": "is compressed by gzip; let its name end with .gz",
    b"\x28\xb5\x2f\xfd": "is compressed by zstd; let its name end with .zst",
    b"PK\x03\x04": "is a zip archive; unpack it",
    b"PAR1": "is a parquet file; let its name end with .parquet",
}
"""How files begin whose names promise lines of text, and what to do about them."""


def suffix(name: str) -> str:
    """The suffix that tells the format: ``.jsonl`` of ``a.jsonl.gz``."""
    for compression in (".gz", ".zst"):
        name = name.removesuffix(compression)
    last = name.rpartition("/")[2]
    return f".{last.rpartition('.')[2].lower()}" if "." in last else ""


def is_compressed(name: str) -> bool:
    """Whether :func:`read_lines` decompresses the file."""
    return name.endswith((".gz", ".zst"))


def read_lines(file: SourceFile) -> Iterator[tuple[int, bytes]]:
    """``(number from 1, line without its end)``; a byte order mark before the first line is dropped.

    Raises:
        UserError: the compressed data are cut off or damaged, or the file is of another kind.
    """
    number = 0
    pending: list[bytes] = []
    for chunk in _chunks(file):
        *lines, rest = chunk.split(b"\n")
        if lines:
            lines[0] = b"".join([*pending, lines[0]])
            pending = []
        pending.append(rest)
        for line in lines:
            number += 1
            yield number, _trim(line, number, file)
    last = b"".join(pending)
    if last:
        yield number + 1, _trim(last, number + 1, file)


def _trim(line: bytes, number: int, file: SourceFile) -> bytes:
    if number == 1:
        for mark, advice in MARKS.items():
            if line.startswith(mark):
                raise UserError(f"{file.name}: {advice}")
        line = line.removeprefix(b"\xef\xbb\xbf")
    return line.removesuffix(b"\r")


def _chunks(file: SourceFile) -> Iterator[bytes]:
    if file.name.endswith(".gz"):
        return _gzip_chunks(file)
    if file.name.endswith(".zst"):
        return _zstd_chunks(file)
    return _plain_chunks(file)


def _plain_chunks(file: SourceFile) -> Iterator[bytes]:
    with file.path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


def _gzip_chunks(file: SourceFile) -> Iterator[bytes]:
    try:
        with gzip.open(file.path, "rb") as stream:
            while chunk := stream.read(CHUNK):
                yield chunk
    except EOFError:
        raise _cut_off(file) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise _damaged(file, error) from None


def _zstd_chunks(file: SourceFile) -> Iterator[bytes]:
    # stream_reader() ends without a word where the data are cut off; decompressobj() knows.
    # A file may be several frames one after the other.
    frame = zstandard.ZstdDecompressor().decompressobj()
    begun = False
    try:
        for compressed in _plain_chunks(file):
            while compressed:
                begun = True
                if data := frame.decompress(compressed):
                    yield data
                compressed = b""
                if frame.eof:
                    compressed, begun = frame.unused_data, False
                    frame = zstandard.ZstdDecompressor().decompressobj()
    except zstandard.ZstdError as error:
        raise _damaged(file, error) from None
    if begun:
        raise _cut_off(file)


def _cut_off(file: SourceFile) -> UserError:
    return UserError(f"{file.name}: the compressed file is cut off; fetch or copy it again")


def _damaged(file: SourceFile, error: Exception) -> UserError:
    return UserError(
        f"{file.name}: cannot be decompressed ({str(error).splitlines()[0]}); fetch or copy it again"
    )
