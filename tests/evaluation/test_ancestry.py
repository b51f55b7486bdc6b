"""Models that do not descend from the data at hand are refused before anything is computed."""

import polars as pl
import pytest

from tests.evaluation.helpers import Project
from tokenmill.core.errors import UserError
from tokenmill.evaluation.ancestry import documents_digest, read_ancestry, training_sources


def read(project: Project, name: str) -> dict:
    return read_ancestry(project.model(name), project.clean, project.digests["clean"])


@pytest.mark.parametrize("name", ["scribe", "mood"])
def test_a_model_that_belongs_to_the_data_passes(shared: Project, name: str) -> None:
    expected = {"scribe": ("news", "letters"), "mood": ("letters",)}
    assert training_sources(read(shared, name)) == expected[name]


def test_a_downloaded_model_has_no_ancestry(made: Project) -> None:
    (made.model("scribe") / "ancestry.json").unlink()
    assert read(made, "scribe") == {} and training_sources({}) == ()


def test_other_documents_are_refused_and_both_are_named(made: Project) -> None:
    made.save_model("mood", documents="1" * 64)
    with pytest.raises(
        UserError, match=r"mood: made with documents 111111111111, but .*clean has [0-9a-f]{12}; run"
    ):
        read(made, "mood")


@pytest.mark.parametrize(("source", "has"), [("letters", "[0-9a-f]{12}"), ("gone", "none")])
def test_other_raw_text_is_refused_and_both_are_named(made: Project, source: str, has: str) -> None:
    made.save_model("scribe", data={"raw": {source: "1" * 64}})
    with pytest.raises(
        UserError, match=f"scribe: made with raw text of {source} 111111111111, but .*clean has {has}; run"
    ):
        read(made, "scribe")


def frame(rows: list[tuple[str, str, str | None]]) -> pl.DataFrame:
    return pl.DataFrame(rows, ["id", "text", "label"], orient="row")


def test_the_digest_of_a_test_set_knows_ids_texts_and_labels_but_no_order() -> None:
    rows = [("a", "one", "x"), ("b", "two", "y")]
    digest = documents_digest(frame(rows), labels=True)
    assert documents_digest(frame(rows[::-1]), labels=True) == digest
    for changed in ([("a", "one", "y"), rows[1]], [("a", "1", "x"), rows[1]], [("c", "one", "x"), rows[1]]):
        assert documents_digest(frame(changed), labels=True) != digest
    other_label = [("a", "one", "y"), rows[1]]
    assert documents_digest(frame(other_label), labels=False) == documents_digest(frame(rows), labels=False)
