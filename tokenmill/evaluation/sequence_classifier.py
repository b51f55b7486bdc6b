"""Classifiers of texts: on labelled test documents, beside their control and TF-IDF."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import polars as pl

from tokenmill.core.errors import UserError
from tokenmill.core.splits import Split
from tokenmill.evaluation.ancestry import documents_digest
from tokenmill.evaluation.scores import (
    Labels,
    Probabilities,
    calibration,
    compare,
    confusion_matrix,
    scores,
)
from tokenmill.evaluation.subject import Result, Subject
from tokenmill.evaluation.tfidf import Labelled, tfidf_probabilities
from tokenmill.inference.classify import classify
from tokenmill.model.digest import CONTROL
from tokenmill.model.folder import load_model

LABELS = {"control": "the same from random weights", "tfidf": "TF-IDF + logistic regression"}
"""What the rivals are, in words."""


def measure_classifier(subject: Subject) -> Result:
    """Figures on the labelled test documents; whoever is right more often is told by McNemar's test.

    Raises:
        UserError: a split has no labelled documents, or one with a label that the model does not know.
    """
    labels = tuple(subject.model.config.labels)
    test = _labelled(subject, "test", subject.sources)
    texts, actual = test["text"].to_list(), _numbers(test, labels, subject)
    probabilities = classify(subject.model, subject.vocabulary, texts)
    predicted = probabilities.argmax(1)
    rivals = _rivals(subject, texts, labels)
    return Result(
        figures=scores(actual, probabilities),
        rivals={name: {"label": LABELS[name], **scores(actual, found)} for name, found in rivals.items()},
        documents=test.height,
        test_digest=documents_digest(test, labels=True),
        calibration=calibration(probabilities.max(1), predicted == actual),
        comparisons={
            name: asdict(compare(predicted == actual, found.argmax(1) == actual))
            for name, found in rivals.items()
        },
        predictions=_predictions(test, labels, {"": probabilities, **rivals}),
        confusion=_confusion(actual, predicted, labels),
    )


def _rivals(subject: Subject, texts: Sequence[str], labels: tuple[str, ...]) -> dict[str, Probabilities]:
    """Probabilities (texts, labels) of the control, where the model has one, and of TF-IDF."""
    rivals: dict[str, Probabilities] = {}
    if (subject.folder / CONTROL).is_dir():
        rivals["control"] = classify(*load_model(subject.folder / CONTROL), texts)
    train, validation = (
        Labelled(frame["text"].to_list(), _numbers(frame, labels, subject))
        for frame in (_labelled(subject, split, subject.rival_sources) for split in ("train", "validation"))
    )
    rivals["tfidf"] = tfidf_probabilities(train, validation, texts, len(labels))
    return rivals


def _labelled(subject: Subject, split: Split, sources: Sequence[str]) -> pl.DataFrame:
    frame = subject.documents(split, sources).drop_nulls("label")
    if frame.is_empty():
        raise UserError(
            f"{subject.clean}: no labelled {split} documents of {', '.join(sources)}; "
            "see sources and clean.split in params.yaml"
        )
    return frame


def _numbers(frame: pl.DataFrame, labels: tuple[str, ...], subject: Subject) -> Labels:
    unknown = sorted(set(frame["label"]) - set(labels))
    if unknown:
        raise UserError(
            f"{subject.clean}: label {unknown[0]!r} is not among those of {subject.folder} "
            f"({', '.join(labels)}); mend the labels of the source, or fine-tune the model anew"
        )
    return np.array([labels.index(label) for label in frame["label"]], np.int64)


def _predictions(
    test: pl.DataFrame, labels: tuple[str, ...], probabilities: Mapping[str, Probabilities]
) -> pl.DataFrame:
    """id, text, label; ``predicted`` and its ``probability``; the same of rivals, as ``RIVAL_predicted``."""
    columns = []
    for name, values in probabilities.items():
        prefix = f"{name}_" if name else ""
        columns += [
            pl.Series(f"{prefix}predicted", [labels[n] for n in values.argmax(1)], pl.String),
            pl.Series(f"{prefix}probability", values.max(1).astype(np.float64).round(4), pl.Float64),
        ]
    return test.select("id", "text", "label").with_columns(columns).sort("id")


def _confusion(actual: Labels, predicted: Labels, labels: tuple[str, ...]) -> pl.DataFrame:
    matrix = confusion_matrix(actual, predicted, len(labels))
    rows = [
        (label, other, int(matrix[i, j])) for i, label in enumerate(labels) for j, other in enumerate(labels)
    ]
    return pl.DataFrame(rows, ["actual", "predicted", "documents"], orient="row")
