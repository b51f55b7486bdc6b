"""Text in an encoding other than UTF-8: told by its mark, guessed from its bytes, or named by settings."""

import codecs
from collections.abc import Iterator

from tokenmill.data.ingest.records import UNDECODABLE

MARKS = {
    b"\xff\xfe\x00\x00": "utf-32-le",
    b"\x00\x00\xfe\xff": "utf-32-be",
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
}
"""Byte order marks; a longer one stands before the one that it begins with."""
COMMON = frozenset(
    "的是不一了有我在人这很大个中国到上和好本还来就要以为也时书会间没年看房多说们店可出都地对能点小发家过用作"
    "酒后得下生务比他经行实子方自服电理感天住工面开业么日前现去但于新成里價动当部全觉而高错心进次然学分事者机文"
    "這個國還來為時書會間沒說們對點發過後務經實電業現動當進學機"
)
"""The hundred characters that are most frequent in the default sources, some more, and their traditional
forms. They are 42% of the Chinese characters there, and under 3% of what text in another language or encoding
becomes when it is read as Chinese."""
MIN_SHARE = 0.1
"""A guess stands from this share of common characters on: four times less than of real text, and three times
more than of text in Korean, Japanese, Russian or French encodings."""
MIN_COMMON = 4
"""In a word or two of a language with few letters beyond ASCII, a pair of bytes may be one by chance."""
WIDE = ("utf-16-le", "utf-16-be")
NARROW = ("gb18030", "big5")


def is_encoding(name: str) -> bool:
    """Whether Python can decode text by this name."""
    try:
        bytes(range(256)).decode(name, "replace")
    except (LookupError, ValueError):
        return False
    return True


def guess(sample: bytes) -> str | None:
    """The encoding of text from its first bytes; None where they are UTF-8, or nothing that can be told.

    UTF-16 is seen by its NULs, the Chinese encodings by their common characters, where most lines that are
    not ASCII are no UTF-8. The sample may be cut within a character.
    """
    for mark, encoding in MARKS.items():
        if sample.startswith(mark):
            return encoding
    if b"\0" not in sample and _is_utf8(sample, final=False):
        return None
    if b"\0" in sample:
        shares = {encoding: _share(sample, encoding) for encoding in WIDE}
        best = max(shares, key=lambda encoding: shares[encoding])
        if shares[best] >= MIN_SHARE:
            return best
    lines = [line for line in sample.split(b"\n") if not line.isascii()]
    beyond = lines[:-1] or lines  # the last one may be cut
    if 2 * sum(map(_is_utf8, beyond)) >= len(beyond):
        return None
    shares = {encoding: _share(b"\n".join(beyond), encoding) for encoding in NARROW}
    best = max(shares, key=lambda encoding: shares[encoding])
    return best if shares[best] >= MIN_SHARE else None


def _is_utf8(data: bytes, final: bool = True) -> bool:
    try:
        codecs.utf_8_decode(data, "strict", final)
    except UnicodeDecodeError:
        return False
    return True


def _share(sample: bytes, encoding: str) -> float:
    """The share of characters that speak for an encoding: common ones, and in UTF-16 also those of ASCII.

    0 where there are too few of them to tell, or something cannot be decoded.
    """
    text = sample.decode(encoding, "replace")
    spoken = sum(character in COMMON for character in text)
    others = sum(not character.isascii() for character in text)
    if encoding in WIDE:
        spoken += sum(c.isascii() and (c.isprintable() or c.isspace()) for c in text)
        others = len(text)
    return spoken / others if spoken >= MIN_COMMON and 50 * text.count("\ufffd") <= others else 0.0


def _mark_undecodable(error: UnicodeError) -> tuple[bytes, int] | tuple[str, int]:
    if isinstance(error, UnicodeDecodeError):
        return "\ud800", error.end
    assert isinstance(error, UnicodeEncodeError)
    return UNDECODABLE, error.end


codecs.register_error("tokenmill.undecodable", _mark_undecodable)


def to_utf8(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """The same text in UTF-8. What cannot be decoded becomes ``UNDECODABLE``, which no reader takes."""
    decoder = codecs.getincrementaldecoder(encoding)("tokenmill.undecodable")
    for chunk in chunks:
        yield decoder.decode(chunk).encode("utf-8", "tokenmill.undecodable")
    yield decoder.decode(b"", final=True).encode("utf-8", "tokenmill.undecodable")
