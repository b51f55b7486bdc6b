"""Entities of test documents: figures against predictions, and what is refused."""

import json

import polars as pl
import pytest

from tests.evaluation.helpers import SOURCES, Project
from tokenmill.core.errors import UserError
from tokenmill.data.documents.spans import read_spans


def test_the_figures_are_those_of_the_predictions(shared: Project) -> None:
    found = shared.evaluate("names")
    table = pl.read_parquet(shared.out["evaluation"] / "predictions.parquet")
    assert table["text"].sort().to_list() == sorted(text for text, _ in SOURCES["diary"]["test"])
    true = [set(read_spans(written)) for written in table["spans"]]
    assert {span.label for spans in true for span in spans} == {"THING", "WHO"}
    parts = {"": found["figures"], **{f"{name}_": values for name, values in found["rivals"].items()}}
    assert list(parts) == ["", "control_", "crf_", "dictionary_"]
    for prefix, part in parts.items():
        said = [set(read_spans(written)) for written in table[f"{prefix}predicted"]]
        right = sum(len(a & b) for a, b in zip(true, said, strict=True))
        assert part["recall"] == pytest.approx(right / sum(map(len, true)), abs=1e-6)
        assert part["precision"] == pytest.approx(right / max(sum(map(len, said)), 1), abs=1e-6)
        assert part["f1_low"] <= part["f1"] <= part["f1_high"]
    figures = found["figures"]
    assert figures["entities"] == sum(map(len, true)) == 12 and figures["groups"] == found["documents"] == 6
    assert set(figures["by_label"]) == {"THING", "WHO"}
    assert table["probabilities"].list.len().to_list() == [len(read_spans(s)) for s in table["predicted"]]
    # Random weights find little; texts of a pattern hold no secret for a random field.
    assert found["rivals"]["crf"]["f1"] == 1 and found["comparisons"]["crf"]["gain"] < -0.5
    confusion = pl.read_csv(shared.out["evaluation"] / "confusion.csv")
    assert confusion["actual"].unique(maintain_order=True).to_list() == ["THING", "WHO", "–"]
    assert json.loads((shared.out["evaluation"] / "figures.json").read_text())["headline"]["metric"] == "f1"


def test_documents_without_entities_are_refused(made: Project) -> None:
    with pytest.raises(UserError, match="no test document of news has an entity") as error:
        made.evaluate("names", sources=["news"])
    assert "\n" not in str(error.value)
