"""Passages with questions: written as one text, read back."""

import polars as pl
import pytest

from tokenmill.data.documents.questions import join_questions, questions_of
from tokenmill.data.documents.spans import Span, write_spans

PASSAGE = "我喜欢看书。\n他喜欢看报。"
ASKED = [("谁看书？", [(0, 1)]), ("他做什么？", []), ("看什么？", [(4, 5), (11, 12)])]


def frame(text: str, spans: str | None, group: str | None = None) -> pl.DataFrame:
    """A document."""
    return pl.DataFrame({"id": ["a:1"], "text": [text], "group": [group], "spans": [spans]})


def test_what_is_joined_is_read_back() -> None:
    text, spans = join_questions(PASSAGE, ASKED)
    assert text.splitlines() == [*PASSAGE.splitlines(), *(question for question, _ in ASKED)]
    found = questions_of(frame(text, write_spans(spans), "article 3"))
    assert [(q.text, list(q.answers)) for q in found] == ASKED
    assert {(q.passage, q.document, q.group) for q in found} == {(PASSAGE, "a:1", "article 3")}
    assert [q.id for q in found] == ["a:1:0", "a:1:1", "a:1:2"]
    assert [q.answer_texts for q in found] == [("我",), (), ("书", "报")]
    assert questions_of(frame(text, write_spans(spans)))[0].group == "a:1"


def test_other_documents_have_none() -> None:
    assert questions_of(frame(PASSAGE, None)) == []
    assert questions_of(frame(PASSAGE, write_spans([Span(0, 1, "PER")]))) == []


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([Span(2, 99, "question")], "a:1: span 2 to 99 .* is out of range; the text has 3 characters"),
        (
            [Span(2, 3, "question"), Span(1, 3, "answer:0")],
            "a:1: answer:0 ends at 3, outside its passage of 1",
        ),
        (
            [Span(2, 3, "question"), Span(0, 1, "answer:1")],
            "a:1: answer:1 belongs to no question; there are 1",
        ),
        ([Span(2, 3, "question"), Span(0, 1, "answer")], "a:1: answer belongs to no question"),
    ],
)
def test_spans_that_are_no_questions(spans: list[Span], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        questions_of(frame("我\n谁", write_spans(spans)))
