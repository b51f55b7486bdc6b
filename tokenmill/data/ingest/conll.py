"""CoNLL's columns: a token and its tag a line, an empty line between sentences."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from tokenmill.core.errors import UserError
from tokenmill.data.documents.spans import Span
from tokenmill.data.ingest.files import SourceFile
from tokenmill.data.ingest.lines import read_lines
from tokenmill.data.ingest.records import TOO_LONG, Note, Record, Reject, Rows, decode, make_spanned, show
from tokenmill.data.ingest.tags import Scheme, Tally, join_tokens, tagged_spans

LOOKED_AT = 10_000
"""Lines at the beginning from which the number of columns is told."""
_NEW_GROUP = re.compile(rb"-DOCSTART-(?:[ \t]|$)|#\s?(?:newdoc|begin document)\b")
_COMMENT = re.compile(rb"#\s?(?:newdoc|newpar|begin document|end document|sent_id =|text =)")


class Sentence(NamedTuple):
    """Lines without an empty one between them."""

    line: int
    group: str | None
    lines: list[bytes]
    too_long: bool


def read_conll(file: SourceFile, columns: Mapping[str, str]) -> Rows:
    """Sentences, numbered by their first line. Their group is the document that they stand in, if any.

    The token is in the first column and the tag in the last, or where ``columns`` says for text and spans,
    by number from 1. Columns are between tabs, in lines without a tab between spaces.

    Raises:
        UserError: the file has one column, or not that which settings name, or its tags have no labels.
    """
    widths: Counter[int] = Counter()
    for _, line in islice(read_lines(file), LOOKED_AT):
        if line.strip() and not _begins_group(line) and not _COMMENT.match(line):
            widths[len(_split(line))] += 1
    if not widths:
        return
    width = max(widths, key=lambda width: (widths[width], width))
    token = _column(file, columns["text"], "text", width, default=1)
    tag = _column(file, columns.get("spans", "spans"), "spans", width, default=width)
    if width == 1:
        raise UserError(
            f"{file.name}: its lines have one column; conll needs a token and its tag, with a tab or a space "
            "between them"
        )
    tally = Tally()
    for sentence in _sentences(file, width):
        rows = map(_split, sentence.lines)
        tally.add([row[tag].decode("utf-8", "replace") for row in rows if len(row) == width])
    scheme = tally.scheme(file.name)
    yield Note(f"{tally.said(scheme)}; Chinese characters joined without spaces, words by one")
    for sentence in _sentences(file, width):
        yield _row(sentence, width, token, tag, scheme, file.max_bytes)


def _row(
    sentence: Sentence, width: int, token: int, tag: int, scheme: Scheme, max_bytes: int
) -> Record | Reject:
    try:
        if sentence.too_long:
            raise ValueError(TOO_LONG)
        decode(b"\n".join(sentence.lines))
        rows = [[field.decode() for field in _split(line)] for line in sentence.lines]
        for number, row in enumerate(rows, start=1):
            if len(row) != width:
                columns = f"{len(row)} column{'s' if len(row) > 1 else ''}"
                raise ValueError(f"token {number} has {columns} where the file has {width}")
            if not row[token]:
                raise ValueError(f"token {number} is empty")
        text, places = join_tokens([row[token] for row in rows])
        spans = [
            Span(places[first][0], places[end - 1][1], label)
            for first, end, label in tagged_spans([row[tag] for row in rows], scheme)
        ]
        return make_spanned(sentence.line, text, spans, max_bytes, {"group": sentence.group})
    except ValueError as error:
        return Reject(sentence.line, str(error), show(b"\n".join(sentence.lines)))


def _sentences(file: SourceFile, width: int) -> Iterator[Sentence]:
    group: str | None = None
    lines: list[bytes] = []
    size = first = 0
    for number, line in read_lines(file):
        new_group = _begins_group(line)
        if new_group or not line.strip():
            if lines:
                yield Sentence(first, group, lines, size > file.max_bytes)
            lines, size = [], 0
            if new_group:
                group = f"{file.name}:{number}"
        elif lines or not _is_comment(line, width):
            first = first if lines else number
            size += len(line) + 1
            if size <= file.max_bytes or not lines:
                lines.append(line)
    if lines:
        yield Sentence(first, group, lines, size > file.max_bytes)


def _begins_group(line: bytes) -> bool:
    return line.startswith((b"-DOCSTART-", b"#")) and _NEW_GROUP.match(line) is not None


def _is_comment(line: bytes, width: int) -> bool:
    """Of a line before a sentence; ``#`` may be a token as well."""
    return line.startswith(b"#") and (len(_split(line)) != width or _COMMENT.match(line) is not None)


def _split(line: bytes) -> list[bytes]:
    # Of bytes: an ideographic space may be a token.
    return line.rstrip(b" ").split(b"\t") if b"\t" in line else line.split()


def _column(file: SourceFile, named: str, ours: str, width: int, *, default: int) -> int:
    """The place of a column."""
    number = default if named == ours else int(named) if re.fullmatch("[0-9]{1,3}", named) else 0
    if not 1 <= number <= width:
        raise UserError(
            f"{file.name}: columns.{ours} of conll is a column's number, 1 to {width}, got {named[:40]!r}"
        )
    return number - 1
