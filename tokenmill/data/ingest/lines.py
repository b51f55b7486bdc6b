"""Lines of text files as UTF-8, whatever their encoding and line ends, in bounded memory."""

from collections.abc import Iterator
from itertools import chain

from tokenmill.core.errors import UserError
from tokenmill.data.ingest.encodings import guess, to_utf8
from tokenmill.data.ingest.files import SourceFile
from tokenmill.data.ingest.packed import unpack
from tokenmill.data.ingest.records import Cut

KINDS = {
    b"\x1f\x8b": "is compressed by gzip; let its name end with .gz",
    b"\x28\xb5\x2f\xfd": "is compressed by zstd; let its name end with .zst",
    b"PK\x03\x04": "is a zip archive; unpack it",
    b"PAR1": "is a parquet file; let its name end with .parquet",
}
"""How files begin whose names promise text, and what to do about them."""
WHOLE_BYTES = 32 << 20
"""The largest file that is read whole. JSON of this size may take 700 MB as objects."""


def read_lines(file: SourceFile) -> Iterator[tuple[int, bytes]]:
    """``(number from 1, line without its end)``. A line longer than ``file.max_bytes`` is a :class:`Cut`.

    Raises:
        UserError: the file cannot be read or unpacked, or is of another kind.
    """
    number, size, longest = 0, 0, file.max_bytes
    pending: list[bytes] = []
    for chunk in read_text(file):
        *lines, rest = chunk.split(b"\n")
        if lines:
            lines[0] = b"".join([*pending, lines[0]])
            pending, size = [], 0
        for line in lines:
            number += 1
            yield number, line.removesuffix(b"\r") if len(line) <= longest else Cut.of(line)
        if size <= longest:  # of a longer line the rest is not kept
            pending.append(rest)
            size += len(rest)
    if last := b"".join(pending):
        yield number + 1, last.removesuffix(b"\r") if len(last) <= longest else Cut.of(last)


def read_whole(file: SourceFile, max_bytes: int = WHOLE_BYTES) -> str:
    """The text of a file that is read at once.

    Raises:
        UserError: it is too large for that, or no text, or as :func:`read_lines`.
    """
    text = join_chunks(file, read_text(file), max_bytes)
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{file.name}: not UTF-8 in line {line}; save it as UTF-8, or name its `encoding` in params.yaml"
        ) from None


def join_chunks(file: SourceFile, chunks: Iterator[bytes], max_bytes: int = WHOLE_BYTES) -> bytes:
    """The pieces of a file in one.

    Raises:
        UserError: it is too large for that.
    """
    joined = bytearray()
    for chunk in chunks:
        joined += chunk
        if len(joined) > max_bytes:
            raise UserError(
                f"{file.name}: larger than {max_bytes >> 20} MiB, too large for a format that is "
                f"read whole; split it, or write its texts as .jsonl"
            )
    return bytes(joined)


def read_text(file: SourceFile) -> Iterator[bytes]:
    """The bytes of a text file as UTF-8 without a mark, in pieces, with lines that end with LF or CR LF.

    Its encoding is that of settings or else guessed, which becomes a note of the file.

    Raises:
        UserError: as :func:`read_lines`.
    """
    chunks = unpack(file)
    first = next(chunks, b"")
    for mark, advice in KINDS.items():
        if first.startswith(mark):
            raise UserError(f"{file.name}: {advice}")
    chunks = chain([first], chunks)
    chunks = _guessed(file, chunks) if file.encoding is None else to_utf8(chunks, file.encoding)
    first = next(chunks, b"").removeprefix(b"\xef\xbb\xbf")
    chunks = chain([first], chunks)
    # What ended lines on Macintoshes. A CR here and there is text.
    if first.count(b"\r") - first.count(b"\r\n") > first.count(b"\n"):
        file.notes.add("its lines end with CR")
        return _without_cr(chunks)
    return chunks


def _guessed(file: SourceFile, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """ASCII is the same in most encodings: what a file is in shows at the first piece that is not ASCII."""
    for chunk in chunks:
        if not chunk.isascii() or b"\0" in chunk:
            chunks = chain([chunk], chunks)
            encoding = guess(chunk)
            if encoding is not None:
                file.notes.add(f"read as {encoding}, as its bytes suggest; `encoding` can say otherwise")
                chunks = to_utf8(chunks, encoding)
            yield from chunks
            return
        yield chunk


def _without_cr(chunks: Iterator[bytes]) -> Iterator[bytes]:
    held = b""
    for chunk in chunks:
        chunk = held + chunk
        held = b"\r" if chunk.endswith(b"\r") else b""  # the next piece may begin with LF
        yield chunk.removesuffix(held).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    yield held.replace(b"\r", b"\n")
