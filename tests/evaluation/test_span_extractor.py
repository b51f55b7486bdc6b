"""Answers in passages: figures against the predictions, with and without answers, beside rivals."""

import polars as pl
import pytest

from tests.evaluation.helpers import SOURCES, Project
from tokenmill.core.errors import UserError
from tokenmill.data.documents.spans import read_spans
from tokenmill.evaluation.exact_match import answer_f1, exact_match


def test_the_figures_are_those_of_the_predictions(shared: Project) -> None:
    found = shared.evaluate("reader")
    table = pl.read_parquet(shared.out["evaluation"] / "predictions.parquet")
    documents = len(SOURCES["quiz"]["test"])
    assert (found["documents"], found["figures"]["questions"], table.height) == (
        documents, 3 * documents, 3 * documents
    )  # fmt: skip
    assert set(found["rivals"]) == {"control", "alike", "frequent"}
    parts = {"": found["figures"], **{f"{name}_": values for name, values in found["rivals"].items()}}
    answers = [
        [text[begin:end] for begin, end, _ in read_spans(spans)]
        for text, spans in table.select("text", "answers").iter_rows()
    ]
    for prefix, values in parts.items():
        said = table[f"{prefix}predicted"].to_list()
        matches = [exact_match(*pair) for pair in zip(said, answers, strict=True)]
        f1 = [answer_f1(*pair) for pair in zip(said, answers, strict=True)]
        assert values["exact_match"] == pytest.approx(sum(matches) / len(matches), abs=1e-6)
        assert values["answer_f1"] == pytest.approx(sum(f1) / len(f1), abs=1e-6)
        assert values["exact_match_low"] <= values["exact_match"] <= values["exact_match_high"]
        none = [match for match, right in zip(matches, answers, strict=True) if not right]
        assert values["exact_match_without_answer"] == pytest.approx(sum(none) / len(none), abs=1e-6)
        gain = found["comparisons"].get(prefix.rstrip("_"))
        if gain:
            ours = found["figures"]["exact_match"]
            assert gain["gain"] == pytest.approx(ours - values["exact_match"], abs=1e-5)
    assert found["figures"]["questions_without_answer"] == documents
    assert found["figures"]["questions_unseen_answer"] == 0
    for row in table.filter(pl.col("begin").is_not_null()).iter_rows(named=True):
        assert row["text"][row["begin"] : row["end"]] == row["predicted"]
    assert table.filter(pl.col("begin").is_null())["predicted"].unique().to_list() in ([""], [])


def test_a_split_without_questions(made: Project) -> None:
    path = made.clean / "documents" / "quiz.parquet"
    table = pl.read_parquet(path)
    spans = pl.when(pl.col("split") == "test").then(None).otherwise("spans").alias("spans")
    table.with_columns(spans).write_parquet(path)
    made.save_model("reader")
    with pytest.raises(UserError, match="no test documents of quiz with questions"):
        made.evaluate("reader")
    table.with_columns(spans=pl.lit('[[0,999,"question"]]')).write_parquet(path)
    made.save_model("reader")
    with pytest.raises(UserError, match=r"quiz:sample.txt:test:00000: span 0 to 999"):
        made.evaluate("reader")
