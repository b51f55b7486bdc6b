"""Formats where a line is a document: plain text, JSON lines, part-of-speech tagged text; and whole files."""

import json
from collections.abc import Iterable, Mapping, Sequence

import orjson

from tokenmill.core.errors import UserError
from tokenmill.data.documents.tagged import tagged_words
from tokenmill.data.ingest.files import SourceFile
from tokenmill.data.ingest.lines import read_lines, read_text
from tokenmill.data.ingest.records import (
    COLUMNS,
    EXACT,
    TOO_LONG,
    Note,
    Record,
    Reject,
    Rows,
    decode,
    make_record,
    show,
)


def read_txt(file: SourceFile) -> Rows:
    """Every line with something in it is a document; empty lines are neither documents nor rejects."""
    for number, line in read_lines(file):
        if not line.strip():
            continue
        try:
            yield Record(number, decode(line))
        except ValueError as error:
            yield Reject(number, str(error), show(line))


def read_jsonl(file: SourceFile, columns: Mapping[str, str]) -> Rows:
    """One JSON object a line; ``columns`` maps our names to the file's.

    orjson line by line reads as fast as a columnar scan, which gives up a whole file over one bad line.

    Raises:
        UserError: no line of the file has the text field.
    """
    documents, without, first = 0, 0, True
    others = [ours for ours in columns if ours != "text"]
    there: list[str] = []
    for number, line in read_lines(file):
        if not line.strip():
            continue
        try:
            decode(line)
            row = orjson.loads(line)
            if not isinstance(row, dict):
                raise ValueError("not a JSON object")
            if first:
                first = False
                if note := unread(row, columns):
                    yield note
            if columns["text"] not in row:
                without += 1
                there = there or sorted(row)
                raise ValueError(f"no field {columns['text']!r}")
            fields = {ours: row.get(theirs) for ours, theirs in columns.items()}
            for ours in others:
                value = fields[ours]
                if type(value) is float and abs(value) >= EXACT:
                    # Whole numbers beyond 64 bits are exact in Python's own parser, and in orjson are not.
                    fields[ours] = json.loads(line)[columns[ours]]
            yield make_record(number, fields)
            documents += 1
        except ValueError as error:
            reason = f"malformed JSON: {error}" if isinstance(error, orjson.JSONDecodeError) else str(error)
            yield Reject(number, reason, show(line))
    if without and not documents:
        raise missing_column(file.name, "text", columns["text"], there)


def read_tagged(file: SourceFile) -> Rows:
    """Lines of ``word/tag  word/tag`` (:mod:`tokenmill.data.documents.tagged`).

    The text is the words, the target the line.
    """
    for number, line in read_lines(file):
        if not line.strip():
            continue
        try:
            tagged = decode(line).strip()
            yield Record(number, "".join(word for _, word, _ in tagged_words(tagged)), target=tagged)
        except ValueError as error:
            yield Reject(number, str(error), show(line))


def read_document(file: SourceFile) -> Rows:
    """The whole file is a document; none if there is nothing in it."""
    chunks, size = [], 0
    for chunk in read_text(file):
        chunks.append(chunk)
        size += len(chunk)
        if size > file.max_bytes:
            yield Reject(1, TOO_LONG, show(b"".join(chunks)))
            return
    content = b"".join(chunks)
    if not content.strip():
        return
    try:
        yield Record(1, decode(content))
    except ValueError as error:
        yield Reject(1, str(error), show(content))


def check_columns(where: str, columns: Mapping[str, str], existing: Sequence[str]) -> None:
    """Look for the columns that settings ask for among those that a file has.

    Raises:
        UserError: one is not there, or stands there twice.
    """
    for ours, theirs in columns.items():
        if theirs not in existing:
            raise missing_column(where, ours, theirs, existing)
        if existing.count(theirs) > 1:
            raise UserError(f"{where}: column {theirs!r} stands twice in its header; rename one of them")


def missing_column(where: str, ours: str, theirs: str, existing: Sequence[str]) -> UserError:
    """The error for a column that settings ask for and a file lacks."""
    return UserError(
        f"{where}: no column {theirs!r} for {ours}; it has {', '.join(existing) or 'none'}; "
        f"name the right one under `columns` of the source in params.yaml"
    )


def unread(existing: Iterable[str], columns: Mapping[str, str]) -> Note | None:
    """A note that a file has columns of our names which are not read, for settings do not name them."""
    names = [name for name in COLUMNS[1:] if name in existing and name not in columns.values()]
    if not names:
        return None
    which = f"columns {', '.join(names)} are" if len(names) > 1 else f"column {names[0]} is"
    return Note(f"its {which} not read; name what is wanted under `columns` of the source")
