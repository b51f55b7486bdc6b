"""Questions in the report: what is marked in a passage, and which questions are shown."""

from pathlib import Path
from typing import Any

import polars as pl

from tests.report.helpers import Written, figures
from tokenmill.report.questions import AROUND, pieces, shown_questions

PASSAGE = "x" * 500 + "北京和上海" + "y" * 500


def row(name: str, predicted: str, probability: float, rival: str, right: bool) -> dict[str, Any]:
    """A prediction; the answer is 北京."""
    begin = PASSAGE.find(predicted) if predicted else None
    return {
        "id": name,
        "text": PASSAGE,
        "question": f"在哪里<{name}>？",
        "actual": "北京",
        "answers": '[[500,502,"answer"]]',
        "predicted": predicted,
        "begin": begin,
        "end": None if begin is None else begin + len(predicted),
        "probability": probability,
        "right": right,
        "alike_predicted": rival,
    }


ROWS = [
    row("sure", "北京", 0.9, "北京", True),
    row("unsure", "北京", 0.2, "上海", True),
    row("wrong", "京和", 0.8, "北京", False),
    row("none", "", 0.7, "上海", False),
]


def test_a_passage_is_marked_where_answers_stand() -> None:
    found = list(pieces(ROWS[2]))
    assert [(p.text, p.actual, p.predicted) for p in found if p.actual or p.predicted] == [
        ("北", True, False),
        ("京", True, True),
        ("和", False, True),
    ]
    assert "".join(p.text for p in found) == f"…{PASSAGE[500 - AROUND : 503 + AROUND]}…"
    assert [p.text for p in pieces(ROWS[3]) if p.predicted] == []
    whole = {**ROWS[0], "text": "北京\n上海", "answers": '[[0,2,"answer"]]', "begin": 3, "end": 5}
    assert [tuple(p) for p in pieces(whole)] == [
        ("北京", True, False),
        ("¶", False, False),
        ("上海", False, True),
    ]


def test_right_wrong_and_surprising_ones_are_shown(tmp_path: Path) -> None:
    table = pl.DataFrame(ROWS)
    sorts = dict(shown_questions(table))
    assert [[row["id"] for row in rows] for rows in sorts.values()] == [
        ["sure", "unsure"],
        ["wrong", "none"],
        ["unsure"],
    ]
    assert shown_questions(pl.DataFrame({"id": ["a"], "actual": ["b"], "predicted": ["b"]})) == []
    written = Written(tmp_path)
    written.evaluation(figures("reader", "span-extractor", "exact_match", 0.5, "higher"))
    table.write_parquet(written.inputs["evaluation"] / "reader" / "predictions.parquet")
    page = written.report(evaluate={"reader": {}})
    assert "Where reader finds answers" in page and "Surest mistakes" not in page
    assert '<mark class="actual predicted">北京</mark>' in page and "在哪里&lt;wrong&gt;？" in page
