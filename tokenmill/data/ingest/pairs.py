"""Formats of paired texts: message catalogues, gettext files, conversations."""

from typing import Any

import orjson
from ruamel.yaml import YAML, YAMLError

from tokenmill.core.errors import UserError
from tokenmill.data.ingest.files import SourceFile
from tokenmill.data.ingest.records import Record, Reject, Rows, make_record, show

CONTEXT_END = "\u0004"
"""Between a message's context and the message, as in gettext's compiled files."""


def read_catalog(file: SourceFile) -> Rows:
    """A JSON catalogue of Jupyter: message -> translations, singular form first. Numbered by entry.

    The header (key ``""``) and messages without a translation are no documents.

    Raises:
        UserError: the file is no JSON object.
    """
    try:
        catalog = orjson.loads(file.path.read_text("utf-8-sig"))
        if not isinstance(catalog, dict):
            raise ValueError("not a JSON object")
    except ValueError as error:
        raise UserError(f"{file.name}: no message catalogue: {error}") from None
    for number, (key, translations) in enumerate(catalog.items(), start=1):
        if key == "":
            continue
        if not isinstance(translations, list) or not all(isinstance(t, str) for t in translations):
            yield Reject(number, "translations are no list of texts", show(repr({key: translations})))
        elif text := next(filter(str.strip, translations), None):
            yield _pair(number, key.rpartition(CONTEXT_END)[2], text)


def read_po(file: SourceFile) -> Rows:
    """A gettext .po file: translated messages, numbered by line. Fuzzy and obsolete ones are no documents.

    Raises:
        UserError: polib is not installed, or the file is no .po file.
    """
    try:
        import polib
    except ImportError:
        raise UserError(f"{file.name}: .po files need `pip install 'tokenmill[sample-data]'`") from None
    try:
        entries = polib.pofile(file.path.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise UserError(f"{file.name}: no .po file: {str(error).splitlines()[0]}") from None
    for entry in entries:
        if entry.obsolete or entry.fuzzy:
            continue
        forms = [entry.msgstr_plural[form] for form in sorted(entry.msgstr_plural)] or [entry.msgstr]
        if text := next(filter(str.strip, forms), None):
            yield _pair(entry.linenum, entry.msgid, text)


def read_conversations(file: SourceFile) -> Rows:
    """A conversation file of ChatterBot: each turn with the one that answers it. Numbered by line.

    Raises:
        UserError: the file is no YAML, or has no list of conversations.
    """
    # Nodes keep their lines, and turns as written: a turn `42` or `Yes` is text.
    try:
        root = YAML(typ="safe").compose(file.path.read_text("utf-8"))
        conversations = next(value for key, value in root.value if key.value == "conversations").value
        if not isinstance(conversations, list):
            raise ValueError
    except (YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{file.name}: no YAML: {' '.join(str(error).split())[:200]}") from None
    except (AttributeError, StopIteration, TypeError, ValueError):
        raise UserError(f"{file.name}: has no list under `conversations`") from None
    for conversation in conversations:
        if not isinstance(conversation.value, list):
            yield Reject(
                _line(conversation), "a conversation is no list of turns", show(str(conversation.value))
            )
            continue
        turns = [_turn(node) for node in conversation.value]
        for node, text, target in zip(conversation.value, turns, turns[1:], strict=False):
            if text is None or target is None:
                yield Reject(_line(node), "a turn is no text", show(repr([text, target])))
            else:
                yield _pair(_line(node), text, target)


def _turn(node: Any) -> str | None:
    is_text = isinstance(node.value, str) and not node.tag.endswith(":null")
    return node.value if is_text else None


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


def _pair(number: int, text: str, target: str) -> Record | Reject:
    try:
        return make_record(number, {"text": text, "target": target})
    except ValueError as error:
        return Reject(number, str(error), show(repr([text, target])))
