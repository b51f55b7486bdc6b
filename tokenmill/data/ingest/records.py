"""What readers yield: records, and rejects with the reason."""

import math
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from tokenmill.core.splits import SPLITS
from tokenmill.data.documents.languages import language_code
from tokenmill.data.documents.spans import Span, check_spans, read_spans, write_spans

COLUMNS = ("text", "label", "target", "language", "id", "source", "group", "spans", "fold")
"""Fields of a record that a file may carry, text first."""
RAW_CHARACTERS = 10_000
"""A reject keeps this much of its line: enough to see what is wrong, bounded when the line is a gigabyte."""

UNDECODABLE = b"\xfe\xff"
"""Stands in a line for what is nothing in the encoding of its file; it is no UTF-8."""
TOO_LONG = "longer than max_document_bytes"


class Cut(bytes):
    """The beginning of a line that is longer than its source allows, and an end that is no UTF-8."""

    @classmethod
    def of(cls, line: bytes) -> "Cut":
        """What is kept of a line for its reject."""
        return cls(line[: 4 * RAW_CHARACTERS] + UNDECODABLE)


class Record(NamedTuple):
    """A document as its file has it. ``line`` counts from 1 (rows or entries where a format has no lines)."""

    line: int
    text: str
    label: str | None = None
    target: str | None = None
    language: str | None = None
    id: str | None = None
    source: str | None = None
    group: str | None = None
    """What the document is a part of, such as an article or a conversation; a group comes to one split."""
    spans: str | None = None
    """Labelled parts of the text (:mod:`tokenmill.data.documents.spans`)."""
    fold: str | None = None
    """The split that the document is to come to; of others clean decides."""


class Reject(NamedTuple):
    """A line that is no document, and why. ``raw`` is the line as far as it can be decoded."""

    line: int
    reason: str
    raw: str


class Note(NamedTuple):
    """What a reader took for granted, for the person to see: a sentence about the file."""

    text: str


Row = Record | Reject | Note
Rows = Iterator[Row]


def show(line: bytes | str) -> str:
    """A bad line as text: undecodable bytes become ``\\xNN``, and it is cut at ``RAW_CHARACTERS``."""
    if isinstance(line, bytes):
        line = line[: 4 * RAW_CHARACTERS].decode("utf-8", "backslashreplace")
    # A parquet string cannot hold half a surrogate pair.
    return line[:RAW_CHARACTERS].encode("utf-8", "backslashreplace").decode("utf-8")


def show_value(value: Any) -> str:
    """A bad value as text."""
    try:
        return show(repr(value))
    except RecursionError:
        return "(nested too deeply to be shown)"


def decode(line: bytes) -> str:
    """A line as text.

    Raises:
        ValueError: the bytes are no UTF-8, too many, or hold a NUL. The message is a reject's reason.
    """
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        if isinstance(line, Cut):
            raise ValueError(TOO_LONG) from None
        if UNDECODABLE in line:
            raise ValueError("bytes that are nothing in the file's encoding") from None
        raise ValueError(f"not UTF-8 at byte {error.start + 1}") from None
    if "\0" in text:
        raise ValueError("NUL character")
    return text


EXACT = 2**53
"""Whole numbers below this are exact as floating point; beyond it two of them may be one."""


def make_record(line: int, fields: Mapping[str, Any]) -> Record:
    """A record from a row's fields (our names).

    Numbers become text but for the text itself, ``1.0`` as ``1``. The language becomes its code.

    Raises:
        ValueError: there is no text, a field cannot be text, or spans are no parts of the text. The message
            is a reject's reason.
    """
    values: dict[str, str | None] = {}
    for name in COLUMNS:
        value = fields.get(name)
        if value is None or isinstance(value, str):
            values[name] = value
        elif name != "text" and isinstance(value, bool | int | float | Decimal):
            values[name] = _number(name, value)
        else:
            raise ValueError(f"{name} is {kind_of(value)}, not text")
        text = values[name]
        if text is not None:
            if "\0" in text:
                raise ValueError(f"NUL character in {name}")
            if not text.isascii() and not _encodable(text):
                raise ValueError(f"half a surrogate pair in {name}")
    if values["text"] is None:
        raise ValueError("no text")
    if values["language"] is not None:
        values["language"] = language_code(values["language"])
    for name in ("group", "fold"):  # a field that is empty, in tables of text, is none
        values[name] = (values[name] or "").strip() or None
    fold = values["fold"]
    if fold is not None and fold not in SPLITS:
        raise ValueError(f"fold is {fold[:40]!r}, none of {', '.join(SPLITS)}")
    if values["spans"] is not None:
        check_spans(read_spans(values["spans"]), values["text"])
    return Record(line, **values)  # type: ignore[arg-type]


def make_spanned(
    line: int,
    text: str,
    spans: Iterable[Span],
    max_bytes: int,
    fields: Mapping[str, Any] = MappingProxyType({}),
) -> Record:
    """A text with labelled parts as a record; ``fields`` are its others.

    Raises:
        ValueError: as :func:`make_record`, or the text is longer than ``max_bytes``.
    """
    if len(text) > max_bytes:
        raise ValueError(TOO_LONG)
    return make_record(line, {**fields, "text": text, "spans": write_spans(spans)})


def make_pair(line: int, text: str, target: str, group: str | None = None) -> Record | Reject:
    """A text and its target as a record, or as a reject that shows them."""
    try:
        return make_record(line, {"text": text, "target": target, "group": group})
    except ValueError as error:
        return Reject(line, str(error), show(repr([text, target])))


def _number(name: str, value: bool | int | float | Decimal) -> str | None:
    """A number as text; None for NaN, by which tables mark what is missing.

    Whole ones have no point; of labels that is said and counted in its own place.
    """
    if isinstance(value, int):
        return str(value).lower()
    if math.isnan(value):
        return None
    if math.isinf(value) or (isinstance(value, float) and abs(value) >= EXACT):
        raise ValueError(f"{name} is a number whose last digits are lost, {value:g}; store it as text")
    whole = name != "label" and value == int(value)
    return str(int(value)) if whole else str(value).lower()


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def kind_of(value: Any) -> str:
    """What a value of JSON or of a table is, in words."""
    if value is None:
        return "missing"
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    return f"a {type(value).__name__}"
