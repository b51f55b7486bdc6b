"""Classifiers with several labels, or a number, as MLflow serves them."""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from mlflow.models import Model

from tests.tiny_models import write_model
from tokenmill.inference import api
from tokenmill.inference.classify import fitting
from tokenmill.registry.package import save_package
from tokenmill.registry.records import ServedKind

TEXTS = ["我喜欢看电影。", "books", "a small test"]


def served(folder: Path, kind: ServedKind, **config: Any) -> tuple[Path, pd.DataFrame]:
    """A model's folder, and its answers to TEXTS."""
    model = write_model(folder / "model", "sequence-classifier", **config)
    save_package(folder / "package", model, kind, "# card", Model())
    return model, mlflow.pyfunc.load_model(str(folder / "package")).predict(pd.DataFrame({"text": TEXTS}))


def test_labels_that_fit_with_their_probabilities(tmp_path: Path) -> None:
    config = {"problem_type": "multi_label_classification", "labels": ("a", "b", "c")}
    folder, found = served(tmp_path, "multi-label-classifier", **config)
    for row, expected in zip(found.to_dict("records"), api.classify(folder, TEXTS), strict=True):
        fit = fitting(expected)
        assert list(row["labels"]) == list(fit)
        assert list(row["probabilities"]) == pytest.approx(list(fit.values()), abs=1e-5)


def test_a_number(tmp_path: Path) -> None:
    folder, found = served(tmp_path, "regressor", problem_type="regression", labels=("value",))
    expected = [next(iter(row.values())) for row in api.classify(folder, TEXTS)]
    assert found["value"].tolist() == pytest.approx(expected, abs=1e-4)
