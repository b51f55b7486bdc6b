"""The classifier on the test split, beside its control and the TF-IDF baseline."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tokenmill.core.errors import UserError
from tokenmill.core.splits import SPLITS, Split
from tokenmill.data.documents.reading import read_documents
from tokenmill.evaluation.ancestry import documents_digest
from tokenmill.evaluation.scores import Bin, Comparison, calibration, compare, confusion_matrix, scores
from tokenmill.evaluation.tfidf import Labelled, tfidf_probabilities

if TYPE_CHECKING:
    import polars as pl

    from tokenmill.evaluation.scores import Labels, Probabilities

MODELS = ("sentiment", "control", "tfidf")
"""Fine-tuned from the pretrained encoder; trained from random weights; TF-IDF + logistic regression."""


@dataclass(frozen=True)
class SentimentResult:
    """Figures for params and registry, and what plots and the page are made of."""

    metrics: dict[str, Any]
    labels: tuple[str, ...]
    predictions: "pl.DataFrame"
    """One row for each test document, in their order: id, text, label, and of each model the label that it
    predicts and the probability that it gives to it."""
    confusion: list[list[int]]
    """Of the fine-tuned model; rows are actual labels, columns predicted ones."""
    calibration: dict[str, list[Bin]]
    """Of each model."""


def evaluate_sentiment(clean: Path, source: str, folders: Mapping[str, Path]) -> SentimentResult:
    """Classify the labelled test documents of ``source``; ``folders`` holds "sentiment" and "control".

    Raises:
        UserError: a split has no labelled documents, or one with a label that the model does not know.
    """
    from tokenmill.inference.classify import classify
    from tokenmill.model.folder import load_model

    frames = {split: _labelled(clean, source, split) for split in SPLITS}
    texts = frames["test"]["text"].to_list()
    probabilities: dict[str, Probabilities] = {}
    for name, folder in folders.items():
        model, vocabulary = load_model(folder)
        labels = tuple(model.config.labels)
        probabilities[name] = classify(model, vocabulary, texts)
    numbers = {split: _numbers(frame, labels, clean) for split, frame in frames.items()}
    train, validation = (
        Labelled(frames[split]["text"].to_list(), numbers[split]) for split in ("train", "validation")
    )
    probabilities["tfidf"], strength = tfidf_probabilities(train, validation, texts, len(labels))
    actual = numbers["test"]
    metrics: dict[str, Any] = {name: scores(actual, probabilities[name]) for name in MODELS}
    metrics["tfidf"]["inverse_regularization"] = strength
    right = {name: probabilities[name].argmax(1) == actual for name in MODELS}
    metrics = {
        **metrics.pop("sentiment"),
        **metrics,
        **_compared("control", compare(right["sentiment"], right["control"])),
        **_compared("tfidf", compare(right["sentiment"], right["tfidf"])),
        "documents": len(actual),
        "test_digest": documents_digest(frames["test"], labels=True),
    }
    predicted = probabilities["sentiment"].argmax(1)
    return SentimentResult(
        metrics,
        labels,
        _predictions(frames["test"], labels, probabilities),
        confusion_matrix(actual, predicted, len(labels)).tolist(),
        {name: calibration(actual, probabilities[name]) for name in MODELS},
    )


def _compared(rival: str, result: Comparison) -> dict[str, float]:
    return {
        f"gain_over_{rival}": result.gain,
        f"gain_over_{rival}_low": result.low,
        f"gain_over_{rival}_high": result.high,
        f"p_value_vs_{rival}": result.p_value,
    }


def _labelled(clean: Path, source: str, split: Split) -> "pl.DataFrame":
    frame = read_documents(clean, source, split).drop_nulls("label")
    if frame.is_empty():
        raise UserError(f"{clean}: no labelled {split} documents of {source}; see clean.split in params.yaml")
    return frame


def _numbers(frame: "pl.DataFrame", labels: tuple[str, ...], clean: Path) -> "Labels":
    unknown = sorted(set(frame["label"]) - set(labels))
    if unknown:
        raise UserError(
            f"{clean}: label {unknown[0]!r} is not among the model's ({', '.join(labels)}); "
            "run `dvc repro finetune`"
        )
    return np.array([labels.index(label) for label in frame["label"]], np.int64)


def _predictions(
    test: "pl.DataFrame", labels: tuple[str, ...], probabilities: "Mapping[str, Probabilities]"
) -> "pl.DataFrame":
    import polars as pl

    columns = []
    for name in MODELS:
        values = probabilities[name]
        columns += [
            pl.Series(f"{name}_label", [labels[n] for n in values.argmax(1)], pl.String),
            pl.Series(f"{name}_probability", values.max(1).astype(np.float64).round(4), pl.Float64),
        ]
    return test.select("id", "text", "label").with_columns(columns).sort("id")
