"""What probabilities are worth, and whether one classifier is better than another."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest, norm

Labels = npt.NDArray[np.int64]
Probabilities = npt.NDArray[np.floating[Any]]

BINS = 15
"""Bins of confidence in calibration, as in Guo et al. 2017."""

CONFIDENCE = 0.95
"""Level of every interval."""


def scores(actual: Labels, probabilities: Probabilities) -> dict[str, float]:
    """Accuracy with its 95% interval, macro-F1 and expected calibration error.

    ``actual`` (N,) holds label numbers, ``probabilities`` is (N, labels).
    """
    predicted = probabilities.argmax(1)
    return {
        **accuracy_of(predicted == actual),
        "f1": macro_f1(confusion_matrix(actual, predicted, probabilities.shape[1])),
        "calibration_error": calibration_error(calibration(probabilities.max(1), predicted == actual)),
    }


def accuracy_of(right: npt.NDArray[np.bool_]) -> dict[str, float]:
    """The share of right answers (N,) with Wilson's 95% interval (1927)."""
    count = int(right.sum())
    interval = binomtest(count, len(right)).proportion_ci(CONFIDENCE, method="wilson")
    return {
        "accuracy": count / len(right),
        "accuracy_low": float(interval.low),
        "accuracy_high": float(interval.high),
    }


def confusion_matrix(actual: Labels, predicted: Labels, labels: int) -> npt.NDArray[np.int64]:
    """Counts (labels, labels): rows are actual labels, columns predicted ones."""
    return np.bincount(actual * labels + predicted, minlength=labels**2).reshape(labels, labels)


def macro_f1(confusion: npt.NDArray[np.int64]) -> float:
    """Mean over labels of 2 TP / (2 TP + FP + FN); a label that neither occurs nor is predicted counts 0."""
    hits = confusion.diagonal()
    total = confusion.sum(0) + confusion.sum(1)
    return float(np.divide(2 * hits, total, out=np.zeros(len(hits)), where=total > 0).mean())


@dataclass(frozen=True)
class Bin:
    """Answers whose confidence, the probability of the most probable one, lies in one bin."""

    confidence: float
    """Mean of the confidences."""
    accuracy: float
    """Share of the answers that are right."""
    count: int


def calibration(confidence: npt.NDArray[np.floating[Any]], right: npt.NDArray[np.bool_]) -> list[Bin]:
    """The bins of equal width that hold answers, by rising confidence; both arrays are (N,)."""
    confidence = confidence.astype(np.float64)
    number = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    return [
        Bin(float(confidence[inside].mean()), float(right[inside].mean()), int(inside.sum()))
        for inside in (number == n for n in range(BINS))
        if inside.any()
    ]


def calibration_error(bins: list[Bin]) -> float:
    """Expected calibration error: |accuracy - confidence| of each bin, weighted by its answers.

    Naeini et al. 2015; 0 means that of the answers called 90% sure, 90% are right.
    """
    return sum(b.count * abs(b.accuracy - b.confidence) for b in bins) / sum(b.count for b in bins)


@dataclass(frozen=True)
class Comparison:
    """How much more often one classifier is right than another on the same documents."""

    gain: float
    """Difference of the accuracies."""
    low: float
    high: float
    """95% interval of the gain."""
    p_value: float
    """How likely so uneven a disagreement is between two equally good classifiers."""


def compare(right: npt.NDArray[np.bool_], other_right: npt.NDArray[np.bool_]) -> Comparison:
    """Compare by the documents on which exactly one of the two is right, by McNemar's exact test (1947).

    The interval is the normal approximation for paired proportions (Fleiss, Levin & Paik 2003, 13.1).
    """
    only, only_other = int((right & ~other_right).sum()), int((other_right & ~right).sum())
    gain = (only - only_other) / len(right)
    spread = (only + only_other - (only - only_other) ** 2 / len(right)) ** 0.5 / len(right)
    reach = float(norm.ppf((1 + CONFIDENCE) / 2)) * spread
    p_value = float(binomtest(only, only + only_other).pvalue) if only + only_other else 1.0
    return Comparison(gain, gain - reach, gain + reach, p_value)


def clustered_mean(values: npt.NDArray[np.floating[Any]], groups: npt.NDArray[np.int64]) -> Comparison:
    """The mean of values (N,) that hang together within groups, numbered (N,), such as words of documents.

    Interval and p-value (of a mean of 0) are normal, with clustered standard errors (Liang & Zeger 1986). Of
    words that are right (1) or wrong (0) the mean is the accuracy; of differences of two classifiers, the
    gain.
    """
    mean, clusters = float(values.mean()), int(groups.max()) + 1
    sums = np.bincount(groups, values - mean)
    spread = float((sums**2).sum() * clusters / max(clusters - 1, 1)) ** 0.5 / len(values)
    reach = float(norm.ppf((1 + CONFIDENCE) / 2)) * spread
    p_value = float(2 * norm.sf(abs(mean) / spread)) if spread else float(mean == 0)
    return Comparison(mean, mean - reach, mean + reach, p_value)
