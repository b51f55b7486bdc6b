"""Classifiers of texts that several labels may fit, beside their control and TF-IDF."""

from dataclasses import asdict

import numpy as np
import numpy.typing as npt
import polars as pl

from tokenmill.evaluation.analysis import analysis, groups_of
from tokenmill.evaluation.ancestry import documents_digest
from tokenmill.evaluation.labelled import Matrix, control_outputs, label_matrix, labelled, separator_of
from tokenmill.evaluation.parts import Parts, documents_and_groups, means
from tokenmill.evaluation.resampling import Counts, compare_resampled, interval
from tokenmill.evaluation.scores import Probabilities, calibration, calibration_error
from tokenmill.evaluation.subject import Result, Subject
from tokenmill.evaluation.tfidf import tfidf_several
from tokenmill.inference.classify import THRESHOLD, classify

LABELS = {"control": "the same from random weights", "tfidf": "TF-IDF + logistic regression, label by label"}
"""What the rivals are, in words."""


def measure_multi_label(subject: Subject) -> Result:
    """Micro- and macro-F1 and the share of texts with exactly their labels, on labelled test documents.

    Raises:
        UserError: a split has no labelled documents, or one with a label that the model does not know.
    """
    labels = tuple(subject.model.config.labels)
    test = labelled(subject, "test", subject.sources)
    texts, actual, groups = test["text"].to_list(), label_matrix(test, subject), groups_of(test)
    outputs = classify(subject.model, subject.vocabulary, texts)
    rivals = {**control_outputs(subject, texts), "tfidf": _tfidf(subject, texts)}
    counts = counts_of(actual, outputs)
    said = outputs >= THRESHOLD
    right = (said == actual).all(1)
    seed = subject.settings.seed
    return Result(
        figures=_figures(actual, outputs, groups, seed),
        rivals={
            name: {"label": LABELS[name], **_figures(actual, found, groups, seed)}
            for name, found in rivals.items()
        },
        documents=test.height,
        test_digest=documents_digest(test, labels=True),
        calibration=calibration(np.maximum(outputs, 1 - outputs).flatten(), (said == actual).flatten()),
        comparisons={
            name: asdict(compare_resampled(micro_f1, counts, counts_of(actual, found), groups, seed))
            for name, found in rivals.items()
        },
        predictions=_predictions(test, actual, labels, separator_of(subject), {"": outputs, **rivals}),
        analysis=analysis(subject, test, outputs, right.astype(float), "subset_accuracy"),
    )


def counts_of(actual: Matrix, outputs: Probabilities) -> Counts:
    """Hits, false alarms and misses of each label, one after the other (documents, 3 x labels)."""
    said = outputs >= THRESHOLD
    return np.concatenate([said & actual, said & ~actual, ~said & actual], 1).astype(np.float64)


def micro_f1(counts: Counts) -> Counts:
    """2 TP / (2 TP + FP + FN) over all labels of sums (..., 3 x labels); 0 where there is nothing."""
    hits, alarms, misses = (part.sum(-1) for part in np.split(counts, 3, -1))
    return _f1(hits, alarms + misses)


def macro_f1_of(counts: Counts) -> Counts:
    """The mean of the labels' own F1, of sums (..., 3 x labels)."""
    hits, alarms, misses = np.split(counts, 3, -1)
    mean: Counts = _f1(hits, alarms + misses).mean(-1)
    return mean


def _f1(hits: Counts, wrong: Counts) -> Counts:
    total = 2 * hits + wrong
    return np.divide(2 * hits, total, out=np.zeros_like(total), where=total > 0)


def _figures(
    actual: Matrix, outputs: Probabilities, groups: npt.NDArray[np.int64], seed: int
) -> dict[str, float]:
    counts, said = counts_of(actual, outputs), outputs >= THRESHOLD
    low, high = interval(micro_f1, counts, groups, seed)
    confidence, right = np.maximum(outputs, 1 - outputs).flatten(), (said == actual).flatten()
    return {
        "micro_f1": float(micro_f1(counts.sum(0))),
        "micro_f1_low": low,
        "micro_f1_high": high,
        "f1": float(macro_f1_of(counts.sum(0))),
        "subset_accuracy": float((said == actual).all(1).mean()),
        "calibration_error": calibration_error(calibration(confidence, right)),
    }


def _tfidf(subject: Subject, texts: list[str]) -> Probabilities:
    frames = [labelled(subject, split, subject.rival_sources) for split in ("train", "validation")]
    train, validation = ((frame["text"].to_list(), label_matrix(frame, subject)) for frame in frames)
    return tfidf_several(train, validation, texts, lambda actual, found: float(_micro(actual, found)))


def _micro(actual: Matrix, outputs: Probabilities) -> Counts:
    return micro_f1(counts_of(actual, outputs).sum(0))


def _predictions(
    test: pl.DataFrame,
    actual: Matrix,
    labels: tuple[str, ...],
    separator: str,
    outputs: dict[str, Probabilities],
) -> pl.DataFrame:
    """id, text, label; ``predicted``, all labels that fit, and the ``probability`` of the least sure."""

    def joined(rows: Matrix) -> list[str]:
        return [separator.join(n for n, there in zip(labels, row, strict=True) if there) for row in rows]

    columns = [pl.Series("label", joined(actual), pl.String)]
    for name, found in outputs.items():
        prefix = f"{name}_" if name else ""
        sure = np.maximum(found, 1 - found).min(1).astype(np.float64).round(4)
        columns += [
            pl.Series(f"{prefix}predicted", joined(found >= THRESHOLD), pl.String),
            pl.Series(f"{prefix}probability", sure),
        ]
    return test.select("id", "text").with_columns(columns).sort("id")


def multi_label_parts(subject: Subject, metric: str) -> Parts | None:
    """The parts of a figure by document; None of one that has none."""
    if metric not in ("micro_f1", "f1", "subset_accuracy"):
        return None
    test = labelled(subject, "test", subject.sources)
    units, groups = documents_and_groups(test)
    actual = label_matrix(test, subject)
    outputs = classify(subject.model, subject.vocabulary, test["text"].to_list())
    labels = f"the labels {', '.join(sorted(subject.model.config.labels))}"
    if metric == "subset_accuracy":
        right = ((outputs >= THRESHOLD) == actual).all(1).astype(np.float64)
        return means(units, groups, right, measured_in=labels)
    figure = micro_f1 if metric == "micro_f1" else macro_f1_of
    return Parts(tuple(units), tuple(groups), counts_of(actual, outputs), figure, labels)
