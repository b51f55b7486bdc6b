"""Formats of paired texts that are read whole: message catalogues, conversations."""

import io
from collections.abc import Iterator
from typing import Any

import orjson
from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.events import (
    CollectionEndEvent,
    CollectionStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from tokenmill.core.errors import UserError
from tokenmill.data.ingest.files import SourceFile
from tokenmill.data.ingest.lines import read_whole
from tokenmill.data.ingest.records import Reject, Rows, make_pair, show

CONTEXT_END = "\u0004"
"""Between a message's context and the message, as in gettext's compiled files."""
NULLS = ("", "~", "null", "Null", "NULL")

Events = Iterator[Any]


def read_catalog(file: SourceFile) -> Rows:
    """A JSON catalogue of Jupyter: message -> translations, singular form first. Numbered by entry.

    The header (key ``""``) and messages without a translation are no documents.

    Raises:
        UserError: the file is no JSON object, or as :func:`read_whole`.
    """
    try:
        catalog = orjson.loads(read_whole(file))
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
            yield make_pair(number, key.rpartition(CONTEXT_END)[2], text)


def read_conversations(file: SourceFile) -> Rows:
    """A conversation file of ChatterBot: each turn with the one that answers it. Numbered by line.

    Raises:
        UserError: the file is no YAML, or has no list of conversations, or as :func:`read_whole`.
    """
    # Events keep lines, and turns as written: a turn `42` or `Yes` is text. They take neither memory nor
    # stack for what is nested, and an alias repeats nothing.
    events: Events = iter(YAML(typ="safe").parse(io.StringIO(read_whole(file))))
    found = False
    try:
        for root in events:
            if not isinstance(root, MappingStartEvent):
                _skip(root, events)
                continue
            while not isinstance(key := next(events), MappingEndEvent):
                _skip(key, events)
                value = next(events)
                is_it = getattr(key, "value", None) == "conversations"
                if not is_it or not isinstance(value, SequenceStartEvent):
                    _skip(value, events)
                    continue
                found = True
                while not isinstance(conversation := next(events), SequenceEndEvent):
                    yield from _turns(file.name, conversation, events)
    except YAMLError as error:
        raise UserError(f"{file.name}: no YAML: {' '.join(str(error).split())[:200]}") from None
    if not found:
        raise UserError(f"{file.name}: has no list under `conversations`")


def _turns(name: str, conversation: NodeEvent, events: Events) -> Rows:
    """The pairs of a conversation, whose first event was taken; they are a group."""
    group = f"{name}:{_line(conversation)}"
    if not isinstance(conversation, SequenceStartEvent):
        said = getattr(conversation, "value", "")
        yield Reject(_line(conversation), "a conversation is no list of turns", show(said))
        _skip(conversation, events)
        return
    before: tuple[int, str | None] | None = None
    while not isinstance(event := next(events), SequenceEndEvent):
        turn = _line(event), _text(event)
        _skip(event, events)
        if before is not None:
            (line, text), target = before, turn[1]
            if text is None or target is None:
                yield Reject(line, "a turn is no text", show(repr([text, target])))
            else:
                yield make_pair(line, text, target, group)
        before = turn


def _text(event: NodeEvent) -> str | None:
    if not isinstance(event, ScalarEvent):
        return None
    # Of what is not in quotes and has no tag, null alone is no text.
    is_null = event.implicit[0] and event.value in NULLS
    return None if is_null or str(event.tag or "").endswith(":null") else str(event.value)


def _skip(event: Any, events: Events) -> None:
    """Take what follows the first event of a node, up to its end."""
    depth = int(isinstance(event, CollectionStartEvent))
    while depth:
        event = next(events)
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)


def _line(event: NodeEvent) -> int:
    return int(event.start_mark.line) + 1
