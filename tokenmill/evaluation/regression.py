"""Models that give texts a number, beside their control, TF-IDF with ridge regression and the mean."""

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.stats import spearmanr

from tokenmill.evaluation.analysis import analysis, groups_of
from tokenmill.evaluation.ancestry import documents_digest
from tokenmill.evaluation.labelled import control_outputs, label_numbers, labelled
from tokenmill.evaluation.parts import Parts, documents_and_groups, means
from tokenmill.evaluation.resampling import Counts
from tokenmill.evaluation.scores import clustered_mean
from tokenmill.evaluation.subject import Result, Subject
from tokenmill.evaluation.tfidf import tfidf_ridge
from tokenmill.inference.classify import classify

LABELS = {
    "control": "the same from random weights",
    "tfidf": "TF-IDF + ridge regression",
    "mean": "the mean of the training documents",
}
"""What the rivals are, in words."""

Numbers = npt.NDArray[np.float64]


def measure_regression(subject: Subject) -> Result:
    """Mean absolute error, R2 and rank correlation on test documents whose label is a number.

    Raises:
        UserError: a split has no labelled documents, or a label that is no number.
    """
    test = labelled(subject, "test", subject.sources)
    texts, actual, groups = test["text"].to_list(), label_numbers(test, subject), groups_of(test)
    outputs = classify(subject.model, subject.vocabulary, texts)
    found = outputs[:, 0].astype(np.float64)
    rivals = {
        name: values[:, 0].astype(np.float64) for name, values in control_outputs(subject, texts).items()
    }
    train, validation = (
        (frame["text"].to_list(), label_numbers(frame, subject))
        for frame in (labelled(subject, split, subject.rival_sources) for split in ("train", "validation"))
    )
    rivals["tfidf"] = tfidf_ridge(train, validation, texts)
    rivals["mean"] = np.full(len(texts), train[1].mean())
    errors = np.abs(found - actual)
    return Result(
        figures=_figures(actual, found, groups),
        rivals={
            name: {"label": LABELS[name], **_figures(actual, values, groups)}
            for name, values in rivals.items()
        },
        documents=test.height,
        test_digest=documents_digest(test, labels=True),
        calibration=[],
        comparisons={
            name: asdict(clustered_mean(np.abs(values - actual) - errors, groups))
            for name, values in rivals.items()
        },
        predictions=_predictions(test, actual, {"": found, **rivals}),
        analysis=analysis(subject, test, outputs, errors, "mean_absolute_error"),
    )


def _figures(actual: Numbers, found: Numbers, groups: npt.NDArray[np.int64]) -> dict[str, float]:
    """R2 is 1 - squared errors / squared distances from the test documents' own mean; rank correlation is
    Spearman's, 0 of answers that are all the same."""
    error = clustered_mean(np.abs(found - actual), groups)
    around_mean = float(np.square(actual - actual.mean()).sum())
    varied = np.ptp(found) > 0 and around_mean > 0
    return {
        "mean_absolute_error": error.gain,
        "mean_absolute_error_low": error.low,
        "mean_absolute_error_high": error.high,
        "r2": 1 - float(np.square(actual - found).sum()) / around_mean if around_mean else 0.0,
        "spearman": float(spearmanr(actual, found).statistic) if varied else 0.0,
    }


def _predictions(test: pl.DataFrame, actual: Numbers, outputs: Mapping[str, Numbers]) -> pl.DataFrame:
    """id, text, label; ``predicted``, and by how much it is wrong, ``error``; the same of rivals."""
    columns = []
    for name, found in outputs.items():
        prefix = f"{name}_" if name else ""
        columns += [
            pl.Series(f"{prefix}predicted", [f"{value:.4g}" for value in found], pl.String),
            pl.Series(f"{prefix}error", np.abs(found - actual).round(4)),
        ]
    return test.select("id", "text", "label").with_columns(columns).sort("id")


def regression_parts(subject: Subject, metric: str) -> Parts | None:
    """The parts of a figure by document; None of one that has none."""
    if metric not in ("mean_absolute_error", "r2"):
        return None
    test = labelled(subject, "test", subject.sources)
    units, groups = documents_and_groups(test)
    actual = label_numbers(test, subject)
    found = classify(subject.model, subject.vocabulary, test["text"].to_list())[:, 0].astype(np.float64)
    if metric == "mean_absolute_error":
        return means(units, groups, np.abs(found - actual))
    counts = np.stack([(found - actual) ** 2, actual**2, actual, np.ones(len(actual))], axis=1)
    return Parts(tuple(units), tuple(groups), counts, _r2)


def _r2(sums: Counts) -> Counts:
    """Of sums (..., 4) of squared errors, of squares, of values, and their number."""
    around_mean = sums[..., 1] - sums[..., 2] ** 2 / sums[..., 3]
    wrong = np.divide(sums[..., 0], around_mean, out=np.ones_like(around_mean), where=around_mean > 0)
    return np.asarray(1 - wrong)
