"""Rows that are objects: lines of JSON, a list of JSON or an object of objects, and rows of tables."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import orjson

from tokenmill.core.errors import UserError
from tokenmill.data.ingest.apart import open_table, read_rows
from tokenmill.data.ingest.files import SourceFile
from tokenmill.data.ingest.json_values import JsonText
from tokenmill.data.ingest.lines import read_lines, read_whole
from tokenmill.data.ingest.names import suffix
from tokenmill.data.ingest.records import RAW_CHARACTERS, Reject, Row, Rows, decode, show

JSON_BYTES = 128 << 20
"""The largest JSON that is one value. Of its values one at a time becomes objects."""


class Item(NamedTuple):
    """An object, its number from 1, and how it is written."""

    number: int
    value: Any
    raw: bytes | str


Items = Iterator[Item | Reject]
Opener = Callable[[], Items]
"""Begins anew with each call: what rows mean may show only once all are seen."""


def parse_items(items: Items, parse: Callable[[Item], Iterable[Row]]) -> Rows:
    """Rows of the items; a ``ValueError`` of ``parse`` is the reason of a reject."""
    for item in items:
        if isinstance(item, Reject):
            yield item
            continue
        try:
            yield from parse(item)
        except ValueError as error:
            yield Reject(item.number, show(str(error)), show(item.raw))


def other_fields(row: Any, columns: Mapping[str, str]) -> dict[str, Any]:
    """What ``columns`` names of an object, but for its text and spans, which have a form of their own."""
    if not isinstance(row, Mapping):
        return {}
    return {ours: row.get(theirs) for ours, theirs in columns.items() if ours not in ("text", "spans")}


def read_objects(file: SourceFile, fields: Sequence[str]) -> Items:
    """The objects in a file: of .parquet the columns among ``fields``, else what JSON it is.

    Raises:
        UserError: it is no parquet file, or JSON that is one value and malformed, or as :func:`read_whole`.
    """
    if suffix(file.name) == ".parquet":
        existing = open_table(file.name, "parquet", path=str(file.path))
        return table_objects(file.name, existing, fields, file.max_bytes)
    return _lines(file) if _has_lines(file) else _values(file)


def table_objects(where: str, existing: Sequence[str], fields: Sequence[str], max_bytes: int) -> Items:
    """The rows of the table that is open, as objects of those ``fields`` that it has.

    Raises:
        UserError: it has none of them.
    """
    names = [name for name in dict.fromkeys(fields) if name in existing]
    if not names:
        raise UserError(
            f"{where}: none of the columns {', '.join(fields)}; it has {', '.join(existing)[:400]}"
        )
    for number, values in enumerate(read_rows(where, names, max_bytes), start=1):
        row = {name: value for name, value in zip(names, values, strict=True) if value is not None}
        shown = {name: v[:RAW_CHARACTERS] if isinstance(v, str) else v for name, v in row.items()}
        yield Item(number, row, repr(shown)[:RAW_CHARACTERS])


def _has_lines(file: SourceFile) -> bool:
    """Whether each line of a file is a value, by its name or its first two lines."""
    if suffix(file.name) in (".jsonl", ".ndjson"):
        return True
    first = list(islice((line for _, line in read_lines(file) if line.strip()), 2))
    try:
        return len(first) == len([orjson.loads(line) for line in first]) == 2
    except ValueError:
        return False


def _lines(file: SourceFile) -> Items:
    for number, line in read_lines(file):
        if not line.strip():
            continue
        try:
            decode(line)
            yield Item(number, orjson.loads(line), line)
        except ValueError as error:
            malformed = isinstance(error, orjson.JSONDecodeError)
            yield Reject(number, f"malformed JSON: {error}" if malformed else str(error), show(line))


def _values(file: SourceFile) -> Items:
    """The elements of a list, or the members of an object, whose keys become their ids."""
    text = JsonText(file.name, read_whole(file, JSON_BYTES))
    if text.peek() == "{":
        for number, key in enumerate(text.members(), start=1):
            value, raw = text.shown_value()
            yield Item(number, {"id": key, **value} if isinstance(value, dict) else value, raw)
    else:
        for number, _ in enumerate(text.elements(), start=1):
            yield Item(number, *text.shown_value())
    text.end()
