"""Cloze questions: made of articles, about nouns that the passage holds, the same each time."""

from pathlib import Path

import polars as pl

from tokenmill.data.documents.questions import GAP, Question, questions_of
from tokenmill.data.ingest.cloze import (
    MOST_QUESTIONS,
    PART_CHARACTERS,
    Sentence,
    parts_of,
    read_cloze,
    sentences_of,
)
from tokenmill.data.ingest.files import SourceFile
from tokenmill.data.ingest.records import Record, Reject

LINES = (
    "新/a  图书馆/n  开放/v",
    "新华社/nt  北京/ns  １月/t  ２日/t  电/n  昨天/t  新/a  图书馆/n  在/p  北京/ns  正式/ad  开放/v  。/w"
    "  很多/m  学生/n  来/v  看书/v  。/w",
    "李/nr  小明/nr  是/v  第一/m  个/q  走/v  进/v  图书馆/n  的/u  学生/n  。/w"
    "  “/w  我/r  很/d  高兴/a  ！/w  ”/w  李/nr  小明/nr  说/v  。/w",
)
ARTICLE = "\n".join(LINES) + "\n"
SECOND = "桥/n  修/v  好/a  了/u  终于/d\n本报讯/n  工人/n  修/v  桥/n  。/w\n"


def read(folder: Path, text: str) -> tuple[list[Record], list[Question]]:
    """The documents of a file, and their questions."""
    path = folder / "paper.txt"
    path.write_text(text, "utf-8")
    rows = [row for row in read_cloze(SourceFile("paper.txt", path)) if isinstance(row, Record)]
    columns = {"id": [str(row.line) for row in rows]} | {
        name: [getattr(row, name) for row in rows] for name in ("text", "group", "spans")
    }
    return rows, questions_of(pl.DataFrame(columns, dict.fromkeys(columns, pl.String)))


def test_a_noun_becomes_a_gap_and_stands_in_the_passage(tmp_path: Path) -> None:
    rows, questions = read(tmp_path, ARTICLE * 2 + SECOND)
    assert [row.group for row in rows] == ["paper.txt:1", "paper.txt:4"], "nothing stands twice in the third"
    assert questions and len(questions) <= 2 * MOST_QUESTIONS
    whole = "".join(word.partition("/")[0] for word in ARTICLE.split())
    for question in questions:
        (answer,) = question.answer_texts
        assert answer in ("图书馆", "北京", "学生", "李小明"), "names of persons are joined"
        assert question.text.count(GAP) == 1 and answer not in question.text
        assert question.text.replace(GAP, answer) in whole and question.text not in question.passage
        assert all(question.passage[a:b] == answer for a, b in question.answers)
    assert read(tmp_path, ARTICLE * 2 + SECOND)[1] == questions
    assert {(q.text, q.answers) for q in questions if q.document == "1"} == {
        (q.text, q.answers) for q in questions if q.document == "4"
    }, "drawn by the text alone"


def test_sentences_keep_the_marks_behind_them() -> None:
    line = Record(7, "你好。“走！”他说", target="你好/l  。/w  “/w  走/v  ！/w  ”/w  他/r  说/v")
    assert [sentence.text for sentence in sentences_of(line)] == ["你好。", "“走！”", "他说"]


def test_an_article_is_cut_between_sentences() -> None:
    sentences = [Sentence(1, "字" * 80, ()) for _ in range(9)] + [Sentence(2, "长" * 400, ())]
    parts = list(parts_of(sentences))
    assert [sentence for part in parts for sentence in part] == sentences
    assert [len(part) for part in parts] == [3, 3, 3, 1]
    assert all(sum(len(s.text) for s in part) <= PART_CHARACTERS for part in parts[:-1])


def test_lines_that_are_not_tagged_are_rejects(tmp_path: Path) -> None:
    path = tmp_path / "paper.txt"
    path.write_text("没有/v 标注\n" + ARTICLE, "utf-8")
    rows = list(read_cloze(SourceFile("paper.txt", path)))
    assert [row.line for row in rows if isinstance(row, Reject)] == [1]
    assert any(isinstance(row, Record) for row in rows)
