"""CSV and TSV, record by record; a bad record is rejected alone."""

import csv
from collections import deque
from collections.abc import Iterator, Mapping, Set
from typing import NamedTuple

from tokenmill.core.errors import UserError
from tokenmill.data.ingest.files import SourceFile
from tokenmill.data.ingest.line_formats import missing_column
from tokenmill.data.ingest.lines import read_lines
from tokenmill.data.ingest.records import Reject, Rows, decode, make_record, show

MAX_RECORD_LINES = 1000
"""A quoted field may span lines, but one that was never closed must not swallow the rest of the file."""

Line = tuple[int, bytes]


def read_delimited(file: SourceFile, columns: Mapping[str, str], named: Set[str], delimiter: str) -> Rows:
    """Records below a header line (RFC 4180: quoted fields may hold the delimiter, quotes and line ends).

    ``columns`` maps our names to the file's; those in ``named`` must exist. A record's number is that of its
    first line. An empty label, target, language or id counts as absent.

    Raises:
        UserError: the header lacks a column that is needed.
    """
    csv.field_size_limit(1 << 30)
    header: list[str] | None = None
    for number, lines, fields, problem in _records(read_lines(file), delimiter):
        raw = show(b"\n".join(lines))
        if header is None:
            if problem is not None:
                raise UserError(f"{file.name}: line {number} should be the header, but: {problem}")
            header = fields
            for ours in columns:
                if ours in named and columns[ours] not in header:
                    raise missing_column(file.name, ours, columns[ours], header)
            continue
        if problem is None and len(fields) != len(header):
            problem = f"{len(fields)} fields where the header has {len(header)}"
        if problem is not None:
            yield Reject(number, problem, raw)
            continue
        row = dict(zip(header, fields, strict=True))
        values = {ours: row.get(theirs) for ours, theirs in columns.items()}
        try:
            yield make_record(number, {n: v if n == "text" else v or None for n, v in values.items()})
        except ValueError as error:
            yield Reject(number, str(error), raw)


class Parsed(NamedTuple):
    """A record: number of its first line, its lines, its fields, or what is wrong with it."""

    number: int
    lines: list[bytes]
    fields: list[str]
    problem: str | None = None


def _records(lines: Iterator[Line], delimiter: str) -> Iterator[Parsed]:
    """Group lines into records. A bad record costs its first line; reading goes on at the line after it."""
    waiting: deque[Line] = deque()
    taken: list[Line] = []

    def feed() -> Iterator[str]:
        while len(taken) < MAX_RECORD_LINES:
            line = waiting.popleft() if waiting else next(lines, None)
            if line is None:
                return
            taken.append(line)
            yield decode(line[1]) + "\n"

    while True:
        reader = csv.reader(feed(), delimiter=delimiter, strict=True)
        problem = None
        try:
            for fields in reader:
                if fields:
                    yield Parsed(taken[0][0], [line for _, line in taken], fields)
                taken.clear()
        except csv.Error as error:
            unclosed = "unexpected end of data" in str(error)
            problem = "quote never closed" if unclosed else f"malformed: {error}"
        except ValueError as error:
            problem = str(error)
        if problem is None:
            return
        (number, first), *rest = taken
        taken.clear()
        waiting.extendleft(reversed(rest))
        yield Parsed(number, [first], [], problem)
