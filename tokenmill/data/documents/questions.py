"""Documents that are a passage with its questions below (:mod:`tokenmill.data.documents.spans`)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import polars as pl

from tokenmill.data.documents.spans import Span, check_spans, read_spans

QUESTION, ANSWER = "question", "answer"
"""Labels; that of an answer goes on with a colon and the number of its question."""

GAP = "____"
"""Stands in a cloze question where the answer stood."""


class Question(NamedTuple):
    """A question about a passage."""

    id: str
    """Of its document, and its number there."""
    document: str
    group: str
    """Of the document, or its id where it has no group."""
    text: str
    passage: str
    answers: tuple[tuple[int, int], ...]
    """Where they stand in the passage, in order; (): it has no answer there."""

    @property
    def answer_texts(self) -> tuple[str, ...]:
        """The answers, each once."""
        return tuple(dict.fromkeys(self.passage[begin:end] for begin, end in self.answers))


def join_questions(
    passage: str, asked: Iterable[tuple[str, Sequence[tuple[int, int]]]]
) -> tuple[str, list[Span]]:
    """A passage and (question, places of its answers) as one text with its spans."""
    text, spans = passage, []
    for number, (question, answers) in enumerate(asked):
        text += f"\n{question}"
        spans.append(Span(len(text) - len(question), len(text), QUESTION))
        spans += [Span(begin, end, f"{ANSWER}:{number}") for begin, end in answers]
    return text, spans


def questions_of(documents: pl.DataFrame) -> list[Question]:
    """The questions of documents, in their order; other documents have none.

    Raises:
        ValueError: spans are no part of their text, an answer lies outside its passage, or belongs to no
            question. The message names the document.
    """
    found = []
    for name, text, group, spans in documents.select("id", "text", "group", "spans").iter_rows():
        try:
            found += _of_document(name, text, group or name, read_spans(spans))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return found


def _of_document(name: str, text: str, group: str, spans: list[Span]) -> list[Question]:
    asked = [span for span in spans if span.label == QUESTION]
    if not asked:
        return []
    check_spans(spans, text)
    passage = text[: asked[0].begin].rstrip()
    answers = defaultdict[str, list[tuple[int, int]]](list)
    for begin, end, label in spans:
        kind, _, number = label.partition(":")
        if kind != ANSWER:
            continue
        if not number.isdecimal() or int(number) >= len(asked):
            raise ValueError(f"{label} belongs to no question; there are {len(asked)}")
        if end > len(passage):
            raise ValueError(f"{label} ends at {end}, outside its passage of {len(passage)} characters")
        answers[str(int(number))].append((begin, end))
    return [
        Question(f"{name}:{number}", name, group, text[begin:end], passage, tuple(answers[str(number)]))
        for number, (begin, end, _) in enumerate(asked)
    ]
