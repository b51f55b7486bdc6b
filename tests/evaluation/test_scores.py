"""Accuracy, F1, calibration and significance against values worked out by hand."""

import numpy as np
import pytest

from tokenmill.evaluation.scores import (
    Bin,
    calibration,
    calibration_error,
    clustered_mean,
    compare,
    confusion_matrix,
    macro_f1,
    scores,
)


def certain(predicted: list[int], confidence: float = 1.0, labels: int = 2) -> np.ndarray:
    """Probabilities that give ``confidence`` to each predicted label and share the rest."""
    rest = (1 - confidence) / (labels - 1)
    return np.where(np.eye(labels, dtype=bool)[predicted], confidence, rest)


def test_confusion_has_actual_labels_in_rows() -> None:
    matrix = confusion_matrix(np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 0, 2, 2]), 3)
    assert matrix.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 2]]


def test_macro_f1_is_the_mean_over_labels() -> None:
    # Label 0: TP 1, FP 1, FN 1 -> 1/2. Label 1: TP 1, FP 1, FN 0 -> 2/3. Label 2: TP 2, FP 0, FN 1 -> 4/5.
    assert macro_f1(np.array([[1, 1, 0], [0, 1, 0], [1, 0, 2]])) == pytest.approx((1 / 2 + 2 / 3 + 4 / 5) / 3)


def test_a_label_without_documents_counts_as_zero() -> None:
    assert macro_f1(np.array([[4, 0], [0, 0]])) == 0.5


def test_scores_of_nine_right_in_ten() -> None:
    actual = np.array([0] * 5 + [1] * 5)
    found = scores(actual, certain([0] * 5 + [1] * 4 + [0], 0.8))
    assert found["accuracy"] == 0.9
    # Wilson's interval: (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n), z = 1.959964
    assert found["accuracy_low"] == pytest.approx(0.59585, abs=1e-5)
    assert found["accuracy_high"] == pytest.approx(0.98212, abs=1e-5)
    assert found["f1"] == pytest.approx((10 / 11 + 8 / 9) / 2)
    assert found["calibration_error"] == pytest.approx(0.1)


def test_calibration_bins_by_confidence() -> None:
    # 0.55 and 0.58 lie in the bin from 8/15 to 9/15, 0.99 and 1.0 in the last one.
    probabilities = np.array([[0.55, 0.45], [0.42, 0.58], [0.99, 0.01], [0.0, 1.0]])
    right = np.array([True, False, True, True])
    bins = calibration(probabilities.max(1), right)
    found = [(round(b.confidence, 3), b.accuracy, b.count) for b in bins]
    assert found == [(0.565, 0.5, 2), (0.995, 1.0, 2)]
    assert calibration_error(bins) == pytest.approx((2 * 0.065 + 2 * 0.005) / 4)


def test_sure_and_always_right_is_perfectly_calibrated() -> None:
    assert calibration_error(calibration(np.ones(2), np.array([True, True]))) == 0
    assert calibration_error([Bin(1.0, 0.0, 3)]) == 1


def test_compare_counts_only_disagreements() -> None:
    right = np.array([True] * 8 + [False] * 2 + [True] * 90)
    other = np.array([False] * 8 + [True] * 2 + [True] * 90)
    found = compare(right, other)
    assert found.gain == pytest.approx(0.06)
    assert found.p_value == pytest.approx(2 * (1 + 10 + 45) / 2**10)  # two-sided binomial of 2 in 10
    spread = (10 - 36 / 100) ** 0.5 / 100
    assert (found.low, found.high) == pytest.approx((0.06 - 1.959964 * spread, 0.06 + 1.959964 * spread))
    reverse = compare(other, right)
    assert reverse.gain == -found.gain and reverse.p_value == found.p_value


def test_equal_answers_are_no_evidence() -> None:
    found = compare(np.array([True, False]), np.array([True, False]))
    assert (found.gain, found.low, found.high, found.p_value) == (0, 0, 0, 1)


def test_words_of_one_document_count_together() -> None:
    # Two documents, of 4 words and of 2; mean 4/6, residual sums 3 - 4 * 4/6 = 1/3 and 1 - 2 * 4/6 = -1/3.
    found = clustered_mean(np.array([1.0, 1, 1, 0, 1, 0]), np.array([0, 0, 0, 0, 1, 1]))
    assert found.gain == pytest.approx(4 / 6)
    spread = (2 * (2 / 9)) ** 0.5 / 6
    assert (found.low, found.high) == pytest.approx((4 / 6 - 1.959964 * spread, 4 / 6 + 1.959964 * spread))
    # As many words, each a document of its own, tell more of a classifier that is right in whole documents.
    right = np.repeat(np.array([1.0, 0.0]).repeat(20), 5)
    together, alone = clustered_mean(right, np.arange(40).repeat(5)), clustered_mean(right, np.arange(200))
    assert together.high - together.low > 2 * (alone.high - alone.low)
    assert clustered_mean(np.zeros(4), np.array([0, 0, 1, 1])).p_value == 1
    even, uneven = np.array([1.0, -1, 1, -1]), np.array([1.0, 1, 1, 0])
    assert (
        clustered_mean(even, np.arange(4)).p_value == 1 > 0.05 > clustered_mean(uneven, np.arange(4)).p_value
    )
