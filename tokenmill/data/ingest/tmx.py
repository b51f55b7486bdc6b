"""TMX 1.4: translation memories as XML."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from tokenmill.core.errors import UserError
from tokenmill.data.documents.languages import language_code
from tokenmill.data.ingest.files import SourceFile
from tokenmill.data.ingest.lines import read_text
from tokenmill.data.ingest.records import TOO_LONG, Record, Reject, Rows, make_record, show_value

CODES = ("bpt", "ept", "it")
"""Elements within a segment whose content is the code of a format, not text."""


@dataclass
class Unit:
    """A translation unit: the line on which it begins, and its segments by language."""

    line: int
    segments: dict[str, str] = field(default_factory=dict)


def read_tmx(file: SourceFile, columns: Mapping[str, str]) -> Rows:
    """Translation units of two languages, numbered by line. A unit without one of them is no document.

    The text is in the language of the header's ``srclang`` and the target in the other, or in those that
    ``columns`` names.

    Raises:
        UserError: the file is no XML, declares entities, or has more languages than two and none is named.
    """
    reader = _Reader(file, columns)
    try:
        for chunk in read_text(file):
            reader.parser.Parse(chunk, False)
            yield from reader.rows()
        reader.parser.Parse(b"", True)
    except expat.ExpatError as error:
        where = f"{file.name}: no XML in line {error.lineno}"
        raise UserError(f"{where}: {expat.ErrorString(error.code)}; mend it or fetch it anew") from None
    yield from reader.rows()


class _Reader:
    """What expat calls. Entities of the file's own are refused: a few of them can stand for any amount."""

    def __init__(self, file: SourceFile, columns: Mapping[str, str]) -> None:
        self.parser = expat.ParserCreate("utf-8")  # which read_text gives, whatever the file declares
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.EntityDeclHandler = self._entity
        self._file = file
        self._named = columns.get("target") is not None
        self._text_language = _code(columns["text"]) if columns["text"] != "text" else None
        self._target_language = _code(columns["target"]) if self._named else None
        self._units: list[Unit] = []
        self._unit: Unit | None = None
        self._language: str | None = None
        self._segment: list[str] | None = None
        self._length = self._in_codes = 0

    def rows(self) -> Rows:
        """The units that are read so far."""
        units, self._units = self._units, []
        for unit in units:
            row = self._row(unit)
            if row is not None:
                yield row

    def _row(self, unit: Unit) -> Record | Reject | None:
        self._text_language = self._text_language or next(iter(unit.segments), None)
        others = [language for language in unit.segments if language != self._text_language]
        if not self._named:
            found = dict.fromkeys([self._target_language, *others] if self._target_language else others)
            if len(found) > 1:
                raise UserError(
                    f"{self._file.name}: line {unit.line} has the languages {', '.join(unit.segments)}; name "
                    "two as text and target under `columns` of the source"
                )
            self._target_language = next(iter(found), None)
        text = unit.segments.get(self._text_language or "", "")
        target = unit.segments.get(self._target_language or "", "")
        if not text.strip() or not target.strip():
            return None
        try:
            if max(len(text), len(target)) > self._file.max_bytes:
                raise ValueError(TOO_LONG)
            return make_record(unit.line, {"text": text, "target": target})
        except ValueError as error:
            return Reject(unit.line, str(error), show_value([text, target]))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "header" and self._text_language is None:
            language = attributes.get("srclang", "*all*")
            self._text_language = None if language == "*all*" else _code(language)
        elif name == "tu":
            self._unit = Unit(self.parser.CurrentLineNumber)
        elif name == "tuv":
            self._language = _code(attributes.get("xml:lang") or attributes.get("lang") or "")
        elif name == "seg":
            self._segment, self._length, self._in_codes = [], 0, 0
        elif name in CODES:
            self._in_codes += 1

    def _text(self, text: str) -> None:
        # Of a longer segment the rest is not kept.
        if self._segment is not None and not self._in_codes and self._length <= self._file.max_bytes:
            self._segment.append(text)
            self._length += len(text)

    def _end(self, name: str) -> None:
        if name in CODES:
            self._in_codes -= 1
        elif name == "seg" and self._segment is not None:
            if self._unit is not None and self._language:
                self._unit.segments.setdefault(self._language, "".join(self._segment))
            self._segment = None
        elif name == "tu" and self._unit is not None:
            self._units.append(self._unit)
            self._unit = None

    def _entity(self, name: str, *_: object) -> None:
        raise UserError(
            f"{self._file.name}: declares the entity {name[:40]!r}, and a file's own entities are not read; "
            "write out what it stands for"
        )


def _code(language: str) -> str:
    """One spelling of a language, with or without its region."""
    try:
        return language_code(language) or language.lower()
    except ValueError:
        return language.lower()[:40]
