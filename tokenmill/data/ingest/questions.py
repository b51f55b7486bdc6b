"""Questions with their answers in a passage, as SQuAD, CMRC 2018 and DRCD have them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.data.documents.questions import join_questions
from tokenmill.data.ingest.files import SourceFile
from tokenmill.data.ingest.json_values import JsonText
from tokenmill.data.ingest.lines import read_whole
from tokenmill.data.ingest.objects import JSON_BYTES, Items
from tokenmill.data.ingest.records import Reject, Rows, kind_of, make_spanned, show_value

FIELDS = ("title", "context", "question", "answers", "is_impossible")


@dataclass
class Passage:
    """A passage and the questions about it, as written."""

    number: int
    title: Any
    context: Any
    questions: list[Any] = field(default_factory=list)

    def rows(self, max_bytes: int) -> Rows:
        """A reject for each question that is wrong, and a document of the passage with the others."""
        asked: list[tuple[str, list[tuple[int, int]]]] = []
        try:
            if not isinstance(self.context, str):
                raise ValueError(f"context is {kind_of(self.context)}, not text")
            for question in self.questions:
                try:
                    asked.append(question_and_answers(question, self.context))
                except ValueError as error:
                    yield Reject(self.number, str(error), show_value(question))
            text, spans = join_questions(self.context, asked)
            group = self.title if isinstance(self.title, str) and self.title else None
            yield make_spanned(self.number, text, spans, max_bytes, {"group": group})
        except ValueError as error:
            yield Reject(self.number, str(error), show_value(self.context))


def question_and_answers(question: Any, context: str) -> tuple[str, list[tuple[int, int]]]:
    """A question in one line, and where in the passage its answers are: each place once, none without one.

    Raises:
        ValueError: it has no text, or an answer is not where it should be.
    """
    if not isinstance(question, Mapping):
        raise ValueError(f"a question is {kind_of(question)}, not an object")
    asked = question.get("question")
    if not isinstance(asked, str) or not asked.strip():
        raise ValueError("a question has no text")
    answers = question.get("answers")
    if isinstance(answers, Mapping):  # columns, as tables of Hugging Face have them
        texts, starts = answers.get("text"), answers.get("answer_start")
        if not isinstance(texts, list) or not isinstance(starts, list) or len(texts) != len(starts):
            raise ValueError("answers lack text and answer_start, as many of each")
        answers = [{"text": text, "answer_start": start} for text, start in zip(texts, starts, strict=True)]
    if not isinstance(answers, list | None):
        raise ValueError(f"answers are {kind_of(answers)}, not a list")
    if answers and question.get("is_impossible") is True:
        raise ValueError("is_impossible, but there is an answer")
    return " ".join(asked.split()), sorted({_place(answer, context) for answer in answers or ()})


def _place(answer: Any, context: str) -> tuple[int, int]:
    text, start = (
        (answer.get("text"), answer.get("answer_start")) if isinstance(answer, Mapping) else (None, 0)
    )
    if not isinstance(text, str) or not text.strip():
        raise ValueError("an answer has no text")
    if not isinstance(start, int) or isinstance(start, bool):
        raise ValueError(f"answer_start {str(start)[:40]!r} is no whole number")
    if start < 0 or context[start : start + len(text)] != text:
        there = context[start : start + len(text)] if start >= 0 else ""
        raise ValueError(
            f"answer {text[:40]!r} does not stand at {start}, where the passage has {there[:40]!r}"
        )
    return start, start + len(text)


def squad_rows(items: Items, max_bytes: int) -> Rows:
    """Rows of a question each, as tables of Hugging Face have them. Those below each other with the same
    passage are one document, numbered by the first.
    """

    def passage(item: Any) -> Any:
        row = item.value if not isinstance(item, Reject) and isinstance(item.value, dict) else {}
        return row.get("title"), row.get("context")

    for (title, context), group in groupby(items, key=passage):
        found: list[Any] = []
        number = 0
        for item in group:
            if isinstance(item, Reject):
                yield item
            else:
                number = number or item.number
                found.append(item.value)
        if found:
            yield from Passage(number, title, context, found).rows(max_bytes)


def read_squad(file: SourceFile) -> Rows:
    """Passages with their questions below, numbered by passage; those of a title are a group.

    Raises:
        UserError: the file is malformed, or has no articles.
    """
    number = 0
    for article in _articles(file):
        paragraphs = article.get("paragraphs") if isinstance(article, Mapping) else None
        if not isinstance(paragraphs, list):
            number += 1
            yield Reject(number, "an article has no list of paragraphs", show_value(article))
            continue
        for paragraph in paragraphs:
            number += 1
            questions = paragraph.get("qas") if isinstance(paragraph, Mapping) else None
            if not isinstance(questions, list):
                yield Reject(number, "a paragraph has no list of qas", show_value(paragraph))
                continue
            passage = Passage(number, article.get("title"), paragraph.get("context"), questions)
            yield from passage.rows(file.max_bytes)


def _articles(file: SourceFile) -> Iterator[Any]:
    text = JsonText(file.name, read_whole(file, JSON_BYTES))
    found = False
    for key in text.members():
        if key == "data" and text.peek() == "[":
            found = True
            for _ in text.elements():
                yield text.value()
        else:
            text.value()
    text.end()
    if not found:
        raise UserError(f"{file.name}: has no list of articles under `data`, as SQuAD's format has")
