"""CSV and TSV, record by record; a bad record is rejected alone."""

import csv
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from tokenmill.core.errors import UserError
from tokenmill.data.ingest.files import SourceFile
from tokenmill.data.ingest.line_formats import check_columns, unread
from tokenmill.data.ingest.lines import read_lines
from tokenmill.data.ingest.records import TOO_LONG, Note, Reject, Rows, decode, make_record, show
from tokenmill.data.ingest.settings import Quoting

MAX_RECORD_LINES = 1000
"""A quoted field may span lines, but one that was never closed must not swallow the rest of the file. A
record of more bytes than a document may have is taken for such a one."""

Line = tuple[int, bytes]


def read_delimited(file: SourceFile, columns: Mapping[str, str], delimiter: str, quoting: Quoting) -> Rows:
    """Records below a header line.

    With quoting (RFC 4180) fields in quotation marks may hold the delimiter, doubled marks and line ends;
    without it a line is a record. ``columns`` maps our names to the file's, and all of them must exist. A
    record's number is that of its first line. An empty label, target, language or id counts as absent.

    Raises:
        UserError: the header lacks a column that is needed.
    """
    csv.field_size_limit(1 << 30)
    if quoting == "auto":
        quoting, note = guess_quoting(file, delimiter)
        if note:
            yield Note(note)
    records = _records if quoting == "minimal" else _lines
    header: list[str] | None = None
    for number, lines, fields, problem in records(read_lines(file), delimiter, file.max_bytes):
        if header is None:
            if problem is not None:
                raise UserError(f"{file.name}: line {number} should be the header, but: {problem}")
            header = fields
            check_columns(file.name, columns, header)
            if unused := unread(header, columns):
                yield unused
            continue
        if problem is None and len(fields) != len(header):
            problem = f"{len(fields)} fields where the header has {len(header)}"
        if problem is None:
            row = dict(zip(header, fields, strict=True))
            values = {ours: row[theirs] for ours, theirs in columns.items()}
            try:
                yield make_record(number, {n: v if n == "text" else v or None for n, v in values.items()})
            except ValueError as error:
                problem = str(error)
        if problem is not None:
            yield Reject(number, problem, show(b"\n".join(lines)))


def guess_quoting(file: SourceFile, delimiter: str) -> tuple[Quoting, str | None]:
    """Whether the fields of a file may stand in quotation marks, by all of its lines; and a note about it.

    They may, unless more lines would be lost than if a mark were text: in records that cannot be read, and,
    between tabs, in records over several lines each of which is a record of its own. Between commas such
    records are only spoken of: texts with line ends and commas look like this, too.
    """
    if not any(b'"' in line for _, line in read_lines(file)):
        return "minimal", None
    width = lost_quoted = lost_plain = merged = 0
    mark = delimiter.encode()
    # Which characters the bytes stand for makes no difference here.
    for _, lines, fields, problem in _records(read_lines(file), delimiter, file.max_bytes, _latin):
        if not width:  # the header
            width = lines[0].count(mark) + 1
        odd = 0
        for line in lines:
            if line and line.count(mark) + 1 != width:
                odd += 1
        lost_plain += odd
        if problem is not None or len(fields) != width:
            lost_quoted += 1
        elif len(lines) > 1 and not odd and width > 1:
            merged += len(lines)
    if delimiter == "\t":
        lost_quoted += merged
    if (more := lost_quoted - lost_plain) > 0:
        return "none", (
            f"a quotation mark is text in it: {more:,} lines more could not be read if fields stood between "
            "such marks; `quoting` of the source says otherwise"
        )
    if merged and not lost_plain:
        return "minimal", (
            f"{merged:,} lines that look like records of their own are parts of quoted fields; if a "
            "quotation mark is text, set `quoting: none` of the source"
        )
    return "minimal", None


def _latin(line: bytes) -> str:
    return line.decode("latin-1")


def _lines(lines: Iterator[Line], delimiter: str, max_bytes: int) -> Iterator["Parsed"]:
    """Each line as a record."""
    for number, line in lines:
        if line:
            try:
                yield Parsed(number, [line], decode(line).split(delimiter))
            except ValueError as error:
                yield Parsed(number, [line], [], str(error))


class Parsed(NamedTuple):
    """A record: number of its first line, its lines, its fields, or what is wrong with it."""

    number: int
    lines: list[bytes]
    fields: list[str]
    problem: str | None = None


def _records(
    lines: Iterator[Line], delimiter: str, max_bytes: int, decode: Callable[[bytes], str] = decode
) -> Iterator[Parsed]:
    """Group lines into records. A bad record costs its first line; reading goes on at the line after it."""
    waiting: deque[Line] = deque()
    taken: list[Line] = []

    def feed() -> Iterator[str]:
        size = 0
        while len(taken) < MAX_RECORD_LINES and size <= max_bytes:
            size = size + len(taken[-1][1]) if taken else 0
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
                    record = [line for _, line in taken]
                    long = len(record) > 1 and sum(map(len, record)) > max_bytes
                    yield Parsed(taken[0][0], record, fields, TOO_LONG if long else None)
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
