"""Labelled parts of a document's text: entities, the turns of a conversation, questions and their answers.

A table holds them as JSON: ``[[begin, end, "label"], ...]``, in the order of ``begin``, and nested ones the
longer first. Places count characters of the text from 0, and ``end`` is the first character behind the part.

=============  =========================================================================================
documents of   have the labels
=============  =========================================================================================
entities       those of the task, such as PER, LOC, ORG
conversations  ``system``, ``user``, ``assistant``: a turn each, one below the other in the text
questions      ``question`` below the passage, one a line; ``answer`` in the passage, with the number of its
               question behind a colon (``answer:0``); a question without any has no answer there
preferences    the turns of a prompt as in conversations, then ``chosen`` and ``rejected``
=============  =========================================================================================
"""

import json
from collections.abc import Iterable
from typing import NamedTuple


class Span(NamedTuple):
    """``text[begin:end]`` and its label."""

    begin: int
    end: int
    label: str


def write_spans(spans: Iterable[Span]) -> str:
    """Spans as a table holds them."""
    ordered = sorted(spans, key=lambda span: (span.begin, -span.end, span.label))
    return json.dumps([list(span) for span in ordered], ensure_ascii=False, separators=(",", ":"))


def read_spans(written: str | None) -> list[Span]:
    """What :func:`write_spans` wrote; [] of null.

    Raises:
        ValueError: it is something else.
    """
    if written is None:
        return []
    try:
        return [Span(int(begin), int(end), str(label)) for begin, end, label in json.loads(written)]
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f"no spans: {written[:40]!r}") from error


def check_spans(spans: Iterable[Span], text: str) -> None:
    """Whether spans are parts of a text.

    Raises:
        ValueError: one is empty, reversed or out of range. The message is a reject's reason.
    """
    for begin, end, label in spans:
        if not 0 <= begin < end <= len(text):
            what = "reversed" if begin > end else "empty" if begin == end else "out of range"
            raise ValueError(
                f"span {begin} to {end} ({label[:40]}) is {what}; the text has {len(text)} characters"
            )
        if not label:
            raise ValueError(f"span {begin} to {end} has no label")
