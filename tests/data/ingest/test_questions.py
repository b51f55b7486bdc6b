"""Passages with questions below them, as SQuAD has them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.data.ingest.helpers import read_source
from tokenmill.core.errors import UserError
from tokenmill.data.documents.spans import Span, read_spans

CONTEXT = "新华社北京一月一日电"


def answer(text: str, start: Any) -> dict[str, Any]:
    return {"text": text, "answer_start": start}


def question(asked: Any, *answers: Any, **more: Any) -> dict[str, Any]:
    return {"id": "1", "question": asked, "answers": list(answers), **more}


def squad(*questions: Any, context: Any = CONTEXT, title: str = "报道") -> str:
    article = {"title": title, "paragraphs": [{"context": context, "qas": list(questions)}]}
    return json.dumps({"version": "v2.0", "data": [article]}, ensure_ascii=False)


def read(folder: Path, content: str, name: str = "a.json", **settings: Any) -> tuple[list[Any], list[Any]]:
    documents, rejects = read_source(folder, {name: content}, format="squad", **settings)
    rows = documents.select("text", "spans", "group").rows()
    return [(text, read_spans(spans), group) for text, spans, group in rows], rejects["reason"].to_list()


def test_a_passage_with_its_questions(tmp_path: Path) -> None:
    content = squad(
        question("哪里？", answer("北京", 3), answer("北京", 3), answer("新华社北京", 0)),
        question("谁？", is_impossible=True, plausible_answers=[answer("新华社", 0)]),
        question("几月\n几日？", answer("一月一日", 5), is_impossible=False),
    )
    found, reasons = read(tmp_path, content)
    assert found == [
        (
            f"{CONTEXT}\n哪里？\n谁？\n几月 几日？",
            [
                Span(0, 5, "answer:0"),
                Span(3, 5, "answer:0"),
                Span(5, 9, "answer:2"),
                Span(11, 14, "question"),
                Span(15, 17, "question"),
                Span(18, 24, "question"),
            ],
            "报道",
        )
    ]
    assert reasons == []


BAD = [
    (question("哪？", answer("北京", 4)), "answer '北京' does not stand at 4, where the passage has '京一'"),
    (question("哪？", answer("北京", -7)), "answer '北京' does not stand at -7, where the passage has ''"),
    (question("哪里？", answer("北京", 3.0)), "answer_start '3.0' is no whole number"),
    (question("哪里？", answer("", 3)), "an answer has no text"),
    (question("哪里？", "北京"), "an answer has no text"),
    (question("哪里？", answer("北京", 3), is_impossible=True), "is_impossible, but there is an answer"),
    (question(" "), "a question has no text"),
    (question(None), "a question has no text"),
    ("哪里？", "a question is text, not an object"),
    ({"question": "哪里？", "answers": "北京"}, "answers are text, not a list"),
    ({"question": "哪？", "answers": {"text": []}}, "answers lack text and answer_start, as many of each"),
]  # fmt: skip


@pytest.mark.parametrize(("bad", "reason"), BAD, ids=[reason[:40] for _, reason in BAD])
def test_a_bad_question_costs_itself_alone(tmp_path: Path, bad: Any, reason: str) -> None:
    found, reasons = read(tmp_path, squad(bad, question("谁？", answer("新华社", 0))))
    assert reasons == [reason]
    assert found == [(f"{CONTEXT}\n谁？", [Span(0, 3, "answer:0"), Span(11, 13, "question")], "报道")]
    found, _ = read(tmp_path, squad(bad))
    assert found == [(CONTEXT, [], "报道")]


def test_parts_that_are_missing(tmp_path: Path) -> None:
    articles = [
        {"title": "no paragraphs"},
        {
            "title": "",
            "paragraphs": [{"context": "a"}, {"context": 7, "qas": []}, {"context": "b", "qas": []}],
        },
    ]
    content = json.dumps({"data": articles, "version": [1]})
    found, reasons = read(tmp_path, content)
    assert found == [("b", [], None)]
    assert reasons == [
        "an article has no list of paragraphs",
        "a paragraph has no list of qas",
        "context is a number, not text",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"version": "1.1"}', "has no list of articles under `data`, as SQuAD's format has"),
        ('{"data": {}}', "has no list of articles under `data`, as SQuAD's format has"),
        ("[]", "malformed JSON in line 1: '{' is expected"),
        ('{"data":\n[1, }', "malformed JSON in line 2: Expecting value"),
        ('{"data": []} more', "malformed JSON in line 1: something follows its end"),
        ('{"data": ' + "[" * 100_000, "malformed JSON in line 1: nested too deeply"),
        ('{"data": [' + "1" * 5000, "malformed JSON in line 1: Exceeds the limit"),
        ('{7: []}', "malformed JSON in line 1: a key is no text"),
        ("", "malformed JSON in line 1: '{' is expected"),
    ],
)  # fmt: skip
def test_files_that_are_something_else(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(UserError) as stopped:
        read(tmp_path, content)
    assert str(stopped.value).startswith(f"a.json: {said}")


def test_rows_of_a_question_each(tmp_path: Path) -> None:
    rows = [
        {
            "title": "t",
            "context": "one two",
            "question": "1?",
            "answers": {"text": ["one"], "answer_start": [0]},
        },
        {"title": "t", "context": "one two", "question": "3?", "answers": {"text": [], "answer_start": []}},
        {
            "title": "t",
            "context": "one two",
            "question": "2?",
            "answers": {"text": ["two"], "answer_start": [5]},
        },
        {
            "title": "t",
            "context": "three",
            "question": "3?",
            "answers": {"text": ["three"], "answer_start": [0]},
        },
        7,
    ]
    found, reasons = read(tmp_path, "\n".join(map(json.dumps, rows)), "a.jsonl")
    assert found == [
        ("one two\n1?\n3?", [Span(0, 3, "answer:0"), Span(8, 10, "question"), Span(11, 13, "question")], "t"),
        ("three\n3?", [Span(0, 5, "answer:0"), Span(6, 8, "question")], "t"),
    ]
    assert reasons == [
        "answer 'two' does not stand at 5, where the passage has 'wo'",
        "context is missing, not text",
    ]


def test_a_passage_that_is_too_long(tmp_path: Path) -> None:
    found, reasons = read(
        tmp_path,
        squad(context="long text").replace("}]}]}", '}, {"context": "b", "qas": []}]}]}'),
        max_document_bytes=8,
    )
    assert found == [("b", [], "报道")] and reasons == ["longer than max_document_bytes"]
