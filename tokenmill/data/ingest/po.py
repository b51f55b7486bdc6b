"""Gettext's .po files: messages with their translations."""

import re
from dataclasses import dataclass, field

from tokenmill.core.errors import UserError
from tokenmill.data.ingest.files import SourceFile
from tokenmill.data.ingest.lines import read_whole
from tokenmill.data.ingest.records import Rows, make_pair

_STRING = re.compile(r'(?:(msgctxt|msgid|msgid_plural|msgstr|msgstr\[(\d{1,2})\])\s*)?"((?:[^"\\]|\\.)*)"')
_DEFAULT = re.compile(r'(?:^|\s)Default: "((?:[^"\\]|\\.)+)"')
"""The English of a message whose msgid is a key, as Zope and Plone write it (zope.i18nmessageid)."""
_ESCAPE = re.compile(r"\\(.)")
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "v": "\v", "b": "\b", "f": "\f", "a": "\a"}


@dataclass
class Entry:
    """A message as far as it was read: the line on which it or its comments begin, its strings by keyword."""

    line: int
    fuzzy: bool = False
    comments: list[str] = field(default_factory=list)
    """Those taken from the program, without their marks."""
    strings: dict[str, list[str]] = field(default_factory=dict)

    def row(self) -> Rows:
        """The message and its translation, the first form that says something; none without one."""
        strings = {keyword: "".join(parts) for keyword, parts in self.strings.items()}
        message = strings.get("msgid", "")
        forms = sorted((k for k in strings if k.startswith("msgstr")), key=lambda k: (len(k), k))
        text = next((strings[form] for form in forms if strings[form].strip()), None)
        if message and text and not self.fuzzy:  # the entry of "" is the header
            default = _DEFAULT.search(" ".join(self.comments))
            yield make_pair(self.line, _unescape(default[1]) if default else message, text)

    @property
    def translated(self) -> bool:
        """Whether its translation has begun, after which only another entry can follow."""
        return any(keyword.startswith("msgstr") for keyword in self.strings)


def read_po(file: SourceFile) -> Rows:
    """Translated messages, numbered by line. Fuzzy and obsolete ones are no documents.

    Where a comment gives a default for the message, it is the text; the msgid is a key then.

    Raises:
        UserError: the file is no .po file, or as :func:`read_whole`.
    """
    entry: Entry | None = None
    strings: list[str] | None = None
    for number, line in enumerate(map(str.strip, read_whole(file).split("\n")), start=1):
        if not line:
            continue
        match = _STRING.fullmatch(line)
        if match is None and not line.startswith("#"):
            raise _no_po(file, number, line)
        keyword = match[1] if match else None
        begins = match is None or keyword in ("msgctxt", "msgid")
        if entry is None or (begins and (entry.translated or line.startswith("#~"))):
            if entry is not None:
                yield from entry.row()
            entry = Entry(number)
        if match is None:
            if line.startswith("#."):
                entry.comments.append(line[2:].strip())
            entry.fuzzy |= line.startswith("#,") and "fuzzy" in line[2:].replace(",", " ").split()
            strings = None
            if line.startswith("#~"):
                entry = None
            continue
        if keyword is not None:
            if keyword in entry.strings:
                raise _no_po(file, number, line)
            strings = entry.strings.setdefault(keyword, [])
        if strings is None:
            raise _no_po(file, number, line)
        strings.append(_unescape(match[3]))
    if entry is not None:
        yield from entry.row()


def _unescape(string: str) -> str:
    return _ESCAPE.sub(lambda found: ESCAPES.get(found[1], found[1]), string)


def _no_po(file: SourceFile, number: int, line: str) -> UserError:
    return UserError(f"{file.name}: no .po file: line {number} is {line[:60]!r}; mend or remove it")
