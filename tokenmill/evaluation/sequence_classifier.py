"""Classifiers of texts: on labelled test documents, beside their control and TF-IDF."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import polars as pl

from tokenmill.evaluation.analysis import analysis
from tokenmill.evaluation.ancestry import documents_digest
from tokenmill.evaluation.labelled import control_outputs, known_labels, labelled
from tokenmill.evaluation.multi_label import macro_f1_of
from tokenmill.evaluation.parts import Parts, documents_and_groups, means
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
from tokenmill.model.heads import TaskModel

LABELS = {
    "control": "the same from random weights",
    "without_ngrams": "the same without n-grams",
    "tfidf": "TF-IDF + logistic regression",
}
"""What the rivals are, in words."""


def measure_classifier(subject: Subject) -> Result:
    """Figures on the labelled test documents; whoever is right more often is told by McNemar's test.

    Raises:
        UserError: a split has no labelled documents, or one with a label that the model does not know.
    """
    labels = tuple(subject.model.config.labels)
    test = labelled(subject, "test", subject.sources)
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
        analysis=analysis(subject, test, probabilities, (predicted == actual).astype(float), "accuracy"),
    )


def _rivals(subject: Subject, texts: Sequence[str], labels: tuple[str, ...]) -> dict[str, Probabilities]:
    """Probabilities (texts, labels) of the control, where the model has one, of its backbone alone, where
    n-grams have their say beside it, and of TF-IDF."""
    rivals = dict(control_outputs(subject, texts))
    if isinstance(subject.model, TaskModel) and subject.model.config.ngrams:
        rivals["without_ngrams"] = classify(subject.model.without_ngrams(), subject.vocabulary, texts)
    train, validation = (
        Labelled(frame["text"].to_list(), _numbers(frame, labels, subject))
        for frame in (labelled(subject, split, subject.rival_sources) for split in ("train", "validation"))
    )
    rivals["tfidf"] = tfidf_probabilities(train, validation, texts, len(labels))
    return rivals


def _numbers(frame: pl.DataFrame, labels: tuple[str, ...], subject: Subject) -> Labels:
    known_labels(subject, frame["label"])
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


def classifier_parts(subject: Subject, metric: str) -> Parts | None:
    """The parts of a figure by document; None of one that has none.

    A label that the model lacks is missed.
    """
    if metric not in ("accuracy", "f1"):
        return None
    test = labelled(subject, "test", subject.sources)
    units, groups = documents_and_groups(test)
    actual, labels = test["label"].to_numpy(), np.array(subject.model.config.labels)
    said = labels[classify(subject.model, subject.vocabulary, test["text"].to_list()).argmax(1)]
    if metric == "accuracy":
        return means(units, groups, (said == actual).astype(np.float64))
    names = np.unique(np.concatenate([labels, actual]))
    is_, says = actual[:, None] == names, said[:, None] == names
    counts = np.concatenate([is_ & says, says & ~is_, is_ & ~says], axis=1).astype(np.float64)
    return Parts(tuple(units), tuple(groups), counts, macro_f1_of)
