"""Formats where a line is a document: plain text, JSON lines, part-of-speech tagged text."""

from collections.abc import Mapping

import orjson

from tokenmill.core.errors import UserError
from tokenmill.data.documents.tagged import tagged_words
from tokenmill.data.ingest.files import SourceFile
from tokenmill.data.ingest.lines import read_lines
from tokenmill.data.ingest.records import Record, Reject, Rows, decode, make_record, show


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
    documents, without = 0, 0
    fields: list[str] = []
    for number, line in read_lines(file):
        if not line.strip():
            continue
        try:
            decode(line)
            row = orjson.loads(line)
            if not isinstance(row, dict):
                raise ValueError("not a JSON object")
            if columns["text"] not in row:
                without += 1
                fields = fields or sorted(row)
                raise ValueError(f"no field {columns['text']!r}")
            yield make_record(number, {ours: row.get(theirs) for ours, theirs in columns.items()})
            documents += 1
        except ValueError as error:
            reason = f"malformed JSON: {error}" if isinstance(error, orjson.JSONDecodeError) else str(error)
            yield Reject(number, reason, show(line))
    if without and not documents:
        raise missing_column(file.name, "text", columns["text"], fields)


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


def missing_column(where: str, ours: str, theirs: str, existing: list[str]) -> UserError:
    """The error for a column that settings ask for and a file lacks."""
    return UserError(
        f"{where}: no column {theirs!r} for {ours}; it has {', '.join(existing) or 'none'}; "
        f"name the right one under `columns` of the source in params.yaml"
    )
