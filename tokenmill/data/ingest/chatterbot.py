"""Conversation files of ChatterBot: YAML with lists of turns."""

import io
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

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
from tokenmill.data.ingest.records import Reject, Rows, make_pair, make_spanned, show, show_value
from tokenmill.data.ingest.turns import Turn, conversation, lay_out

NULLS = ("", "~", "null", "Null", "NULL")

Events = Iterator[Any]


class Said(NamedTuple):
    """A turn: its line, and its text, if it has one."""

    line: int
    text: str | None


def read_pairs(file: SourceFile) -> Rows:
    """Each turn of a conversation with the one that answers it, numbered by line. A conversation is a group.

    Raises:
        UserError: as :func:`read_turns`.
    """
    for turns in read_turns(file):
        if isinstance(turns, Reject):
            yield turns
            continue
        for (line, text), (_, target) in pairwise(turns):
            if text is None or target is None:
                yield Reject(line, "a turn is no text", show_value([text, target]))
            else:
                yield make_pair(line, text, target, f"{file.name}:{turns[0].line}")


def read_conversations(file: SourceFile) -> Rows:
    """Whole conversations, whose turns are the user's and the assistant's by turns; numbered by line.

    Raises:
        UserError: as :func:`read_turns`.
    """
    for turns in read_turns(file):
        if isinstance(turns, Reject):
            yield turns
        elif turns:
            texts = [turn.text for turn in turns]
            try:
                if None in texts:
                    raise ValueError("a turn is no text")
                sides = (Turn("assistant" if n % 2 else "user", str(text)) for n, text in enumerate(texts))
                yield make_spanned(turns[0].line, *lay_out(conversation(sides)), file.max_bytes)
            except ValueError as error:
                yield Reject(turns[0].line, str(error), show_value(texts))


def read_turns(file: SourceFile) -> Iterator[list[Said] | Reject]:
    """The turns of each conversation.

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
                    yield _turns(conversation, events)
    except YAMLError as error:
        raise UserError(f"{file.name}: no YAML: {' '.join(str(error).split())[:200]}") from None
    if not found:
        raise UserError(f"{file.name}: has no list under `conversations`")


def _turns(conversation: NodeEvent, events: Events) -> list[Said] | Reject:
    """The turns of a conversation, whose first event was taken."""
    if not isinstance(conversation, SequenceStartEvent):
        said = getattr(conversation, "value", "")
        _skip(conversation, events)
        return Reject(_line(conversation), "a conversation is no list of turns", show(said))
    turns: list[Said] = []
    while not isinstance(event := next(events), SequenceEndEvent):
        turns.append(Said(_line(event), _text(event)))
        _skip(event, events)
    return turns


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
