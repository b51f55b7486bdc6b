"""The rows of a source, with their ids and labels, into tables of documents and of rejects; and counted."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tokenmill.core.errors import UserError
from tokenmill.data.ingest.code import LOOKED_AT, is_code_file, looks_like_code
from tokenmill.data.ingest.labels import Labels
from tokenmill.data.ingest.records import Note, Record, Reject, Rows
from tokenmill.data.ingest.settings import Source
from tokenmill.data.ingest.table_writer import TableWriter


@dataclass
class Counts:
    """What came out of a file or a source."""

    documents: int = 0
    characters: int = 0
    rejects: int = 0

    def add(self, other: "Counts") -> None:
        """Add another file's counts."""
        self.documents += other.documents
        self.characters += other.characters
        self.rejects += other.rejects

    def as_dict(self) -> dict[str, int]:
        """For manifest and metrics."""
        return {"documents": self.documents, "characters": self.characters, "rejects": self.rejects}


@dataclass
class Collector:
    """Takes the rows of one source, file by file."""

    name: str
    source: Source
    documents: TableWriter
    rejects: TableWriter
    total: Counts = field(default_factory=Counts)
    first: str = ""
    ids: set[str] = field(default_factory=set)
    labels: Labels = field(default_factory=Labels)
    empty: set[str] = field(init=False)
    """Mapped columns of which no document had a value so far."""
    looked_at: int = 0
    like_code: int = 0
    """Documents that look like program code, of those at the beginning that were ``looked_at``."""
    files_by_note: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.empty = {str(column) for column in self.source.columns}

    def collect(self, file: str, rows: Rows, label: str | None) -> Counts:
        """Write a file's rows; ``label`` is that of all its documents. Returns the file's counts.

        Ids are ``source:file:line``, or ``source:id`` where settings map an id column.
        """
        counts = Counts()
        own_ids = "id" in self.source.columns
        numbers: Counter[int] | None = None if own_ids else Counter()
        for row in rows:
            if isinstance(row, Record):
                identity = self._identity(file, row, numbers)
                if isinstance(identity, Reject):
                    row = identity
                else:
                    self._write(identity, row, label)
                    if self.empty:
                        self.empty = {name for name in self.empty if getattr(row, name) is None}
                    counts.documents += 1
                    counts.characters += len(row.text)
            if isinstance(row, Reject):
                self.rejects.add((file, row.line, row.reason, row.raw))
                self.first = self.first or f"{file} line {row.line}: {row.reason}"
                counts.rejects += 1
            elif isinstance(row, Note):
                self.files_by_note.setdefault(row.text, []).append(file)
        self.total.add(counts)
        return counts

    def _identity(self, file: str, row: Record, numbers: Counter[int] | None) -> str | Reject:
        if numbers is None:
            if row.id is None:
                return Reject(row.line, "no id", row.text)
            if row.id in self.ids:
                # Kept ids must be unique, or drops and duplicates could not be traced; which one is right
                # only the owner knows.
                return Reject(row.line, f"id {row.id!r} occurs before", row.text)
            self.ids.add(row.id)
            return f"{self.name}:{row.id}"
        numbers[row.line] += 1
        # Two entries of a YAML file may stand on one line.
        again = f".{numbers[row.line]}" if numbers[row.line] > 1 else ""
        return f"{self.name}:{file}:{row.line}{again}"

    def _write(self, identity: str, row: Record, label: str | None) -> None:
        language = row.language or self.source.language
        source, label = row.source or self.name, self.labels.add(label or row.label)
        if self.looked_at < LOOKED_AT:
            self.looked_at += 1
            self.like_code += looks_like_code(row.text)
        rest = (row.target, language, row.group, row.spans, row.fold)
        self.documents.add((identity, source, row.text, label, *rest))

    def check(self) -> None:
        """Check the source as a whole, once all its files are read.

        Raises:
            UserError: more than ``max_bad_share`` of its lines are bad, it has no document, or none has
                anything in a column that settings name.
        """
        total, allowed = self.total, self.source.max_bad_share
        lines = total.documents + total.rejects
        where = f"sources.{self.name}"
        if total.rejects > allowed * lines:
            remedy = "set their `encoding`" if "not UTF-8" in self.first else "mend them"
            raise UserError(
                f"{where}: {total.rejects:,} of {lines:,} lines are bad ({total.rejects / lines:.1%}), more "
                f"than max_bad_share {allowed:g}, first {self.first}; {remedy} or raise it in params.yaml"
            )
        if not total.documents:
            raise UserError(
                f"{where}: not one document in its files; check `paths` and `format` in params.yaml"
            )
        for column in sorted(self.empty):
            raise UserError(
                f"{where}.columns: no document has a value for {column} in "
                f"{self.source.columns[column]!r}; name the right column, or none"  # type: ignore[index]
            )

    def notes(self) -> list[str]:
        """What was taken for granted in reading: a sentence each, with the first file that it is about."""
        about = [
            f"{files[0]}{f' and {len(files) - 1:,} more' if len(files) > 1 else ''}: {text}"
            for text, files in self.files_by_note.items()
        ]
        return [*about, *self.labels.notes()]

    def is_code(self, files: Iterable[str]) -> bool:
        """Whether most files are of programs by their names, or most documents by what they look like."""
        by_name = [is_code_file(name) for name in files]
        return 2 * sum(by_name) > len(by_name) or 2 * self.like_code > self.looked_at
