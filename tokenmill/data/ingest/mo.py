"""Gettext's .mo files: messages with their translations, compiled."""

import re
import struct

from tokenmill.core.errors import UserError
from tokenmill.data.ingest.catalog import CONTEXT_END
from tokenmill.data.ingest.encodings import is_encoding
from tokenmill.data.ingest.files import SourceFile
from tokenmill.data.ingest.lines import join_chunks
from tokenmill.data.ingest.packed import unpack
from tokenmill.data.ingest.records import Reject, Rows, make_pair, show

MAGIC = {b"\xde\x12\x04\x95": "<", b"\x95\x04\x12\xde": ">"}
"""How a file begins, and the order of its bytes (GNU gettext's manual, "The Format of GNU MO Files")."""
FORMS = b"\0"
"""Between the forms of a message, singular first, and of its translation."""


def read_mo(file: SourceFile) -> Rows:
    """Translated messages, numbered by entry. The text is the singular form, without its context.

    Raises:
        UserError: the file is no .mo file, or is damaged.
    """
    content = join_chunks(file, unpack(file))
    order = MAGIC.get(content[:4])
    if order is None:
        raise UserError(f"{file.name}: no .mo file: it begins with {content[:4]!r}; compile it with msgfmt")
    try:
        _, count, originals, translations = struct.unpack_from(f"{order}4I", content, 4)
        tables = [
            struct.unpack_from(f"{order}{2 * count}I", content, place) if count <= len(content) // 8 else ()
            for place in (originals, translations)
        ]
        # Each string has its place: many entries of one long string would come to more than any file holds.
        if sum(sum(table[::2]) for table in tables) > len(content):
            raise ValueError("strings overlap")
        pairs = [[_string(content, table, entry) for table in tables] for entry in range(count)]
        encoding = _encoding(next((translation for message, translation in pairs if not message), b""))
    except (struct.error, IndexError, ValueError) as error:
        raise UserError(f"{file.name}: a damaged .mo file ({error}); compile it anew with msgfmt") from None
    for number, (message, translation) in enumerate(pairs, start=1):
        try:
            original = message.split(FORMS)[0].decode(encoding).rpartition(CONTEXT_END)[2]
            forms = translation.decode(encoding).split("\0")
        except ValueError:
            yield Reject(
                number, f"bytes that are nothing in {encoding}", show(message + b" | " + translation)
            )
            continue
        text = next(filter(str.strip, forms), None)
        if original and text:
            yield make_pair(number, original, text)


def _string(content: bytes, table: tuple[int, ...], entry: int) -> bytes:
    length, place = table[2 * entry], table[2 * entry + 1]
    if place + length > len(content):
        raise ValueError(f"entry {entry + 1} ends behind the file")
    return content[place : place + length]


def _encoding(header: bytes) -> str:
    """What the header says: the translation of the empty message."""
    match = re.search(rb"charset=([\w.:-]+)", header)
    name = match[1].decode("ascii", "replace") if match else "utf-8"
    if not is_encoding(name):
        raise ValueError(f"no charset {name[:40]!r}")
    return name
