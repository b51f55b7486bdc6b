"""Entities on the page: parts of a text in colours, errors, and that the page stays sound."""

from typing import Any

import polars as pl
import pytest

from tests.report.helpers import Written, figures
from tests.report.test_report import Reader
from tokenmill.core.files import write_json
from tokenmill.data.documents.spans import Span, write_spans
from tokenmill.report.entities import Part, coloured

PER, LOC = "PER", "LOC"


@pytest.mark.parametrize(
    ("true", "said", "parts"),
    [
        ({Span(0, 2, PER)}, {Span(0, 2, PER)}, [("江泽", "right", PER), ("民在", "", "")]),
        ({Span(0, 3, PER)}, set(), [("江泽民", "missed", PER), ("在", "", "")]),
        (set(), {Span(3, 4, LOC)}, [("江泽民", "", ""), ("在", "invented", LOC)]),
        (
            {Span(0, 3, PER)},
            {Span(0, 2, PER)},
            [("江泽", "partly", PER), ("民", "missed", PER), ("在", "", "")],
        ),
        ({Span(0, 3, PER)}, {Span(0, 3, LOC)}, [("江泽民", "partly", "LOC, not PER"), ("在", "", "")]),
        (
            {Span(0, 1, PER), Span(1, 2, PER)},
            {Span(0, 1, PER), Span(1, 2, PER)},
            [("江", "right", PER), ("泽", "right", PER), ("民在", "", "")],
        ),
    ],
)
def test_what_is_right_wrong_and_missed(
    true: set[Span], said: set[Span], parts: list[tuple[str, str, str]]
) -> None:
    assert coloured("江泽民在", true, said) == [Part(*part) for part in parts]


def test_the_page_shows_sentences_labels_and_errors(tmp_path: Any) -> None:
    written = Written(tmp_path)
    values = {
        "f1": 0.5,
        "precision": 0.5,
        "recall": 0.5,
        "f1_low": 0.4,
        "f1_high": 0.6,
        "recall_unseen": 0.25,
    }
    content = figures("names", "character-classifier", "f1", 0.5, "higher", figures={
        **values,
        "by_label": {PER: {**values, "entities": 3}},
        "errors": {"wrong_boundary": 1, "wrong_label": 0, "wrong_both": 0, "invented": 1, "missed": 7},
    })  # fmt: skip
    written.evaluation(content)
    rows = [
        ("a", "<b>江泽民</b>在", [Span(3, 6, PER)], [Span(3, 5, PER)]),
        ("b", "好在", [], [Span(1, 2, LOC)]),
        ("c", "李鹏说", [Span(0, 2, PER)], [Span(0, 2, PER)]),
    ]
    pl.DataFrame({
        "id": [row[0] for row in rows],
        "text": [row[1] for row in rows],
        "spans": [write_spans(row[2]) for row in rows],
        "predicted": [write_spans(row[3]) for row in rows],
    }).write_parquet(tmp_path / "data/evaluation/names/predictions.parquet")  # fmt: skip
    page = written.report(evaluate={"names": {}})
    text = Reader(page).text
    assert "names: F1 50.0%" in text and "Entities that names finds" in text
    assert "recall of what training never had" in text and "Most frequent errors" in text
    assert '<span class="entity partly">江泽<sub>PER</sub></span>' in page
    assert '<span class="entity invented">在<sub>LOC</sub></span>' in page
    assert "&lt;b&gt;" in page and "Surest mistakes" not in text
    write_json(tmp_path / "data/evaluation/names/figures.json", {**content, "kind": "unheard of"})
    assert "Entities that" not in written.report(evaluate={"names": {}})
