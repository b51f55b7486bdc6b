"""Figures and labels by parts of the test documents: by language, length, source, or another column."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.stats import binomtest

from tokenmill.evaluation.scores import CONFIDENCE, clustered_mean
from tokenmill.evaluation.settings import LOWER_IS_BETTER, SliceColumn

LENGTHS = (20, 50, 100, 200, 500)
"""Characters at which one slice of length ends and the next begins."""

LEAST = 10
"""Documents of a slice; of fewer no figure is worth a line."""


def slices(
    test: pl.DataFrame,
    merit: npt.NDArray[np.float64],
    groups: npt.NDArray[np.int64],
    columns: Sequence[SliceColumn],
    figure: str,
) -> list[dict[str, Any]]:
    """The figure of each slice with its 95% interval, the worst slice on top.

    The interval is Wilson's (1927) where the documents are right or wrong, else of clustered standard errors.
    A column that is the same for all documents gives no slice.

    Args:
        test: documents.
        merit: of each (documents,), the mean of which is the figure.
        groups: numbers (documents,) of what hangs together.
        columns: by which documents are told apart.
        figure: its name.
    """
    found = []
    for column in columns:
        values = values_of(test, column)
        for value in sorted(values.unique().to_list()) if values.n_unique() > 1 else ():
            inside = (values == value).to_numpy()
            if inside.sum() >= LEAST:
                found.append({"column": column, "value": value, **_mean(merit[inside], groups[inside])})
    worst_first = -1 if figure in LOWER_IS_BETTER else 1
    return sorted(found, key=lambda row: (worst_first * row["figure"], row["column"], row["value"]))


def label_shares(test: pl.DataFrame, columns: Sequence[SliceColumn]) -> list[dict[str, Any]]:
    """Of each slice the share of its documents that each label has, the most uneven slice on top.

    ``skew`` is half the sum of the differences from the shares in all documents (total variation): 0 where
    the slice says nothing of the label.
    """
    whole = _shares(test["label"])
    found = []
    for column in columns:
        values = values_of(test, column)
        for value in sorted(values.unique().to_list()) if values.n_unique() > 1 and column != "label" else ():
            part = test.filter(values == value)
            if part.height >= LEAST:
                shares = _shares(part["label"])
                skew = sum(abs(shares.get(name, 0.0) - share) for name, share in whole.items()) / 2
                row = {"column": column, "value": value, "documents": part.height, "skew": skew}
                found.append({**row, "shares": shares})
    return sorted(found, key=lambda row: (-row["skew"], row["column"], row["value"]))


def values_of(test: pl.DataFrame, column: SliceColumn) -> pl.Series:
    """What a column says of each document, as text; ``length``: a range of numbers of characters."""
    if column != "length":
        return test[column].fill_null("none")
    edges = (0, *LENGTHS)
    names = [f"{low + 1:03}-{high:03} characters" for low, high in zip(edges, LENGTHS, strict=False)]
    return test["text"].str.len_chars().cut(
        list(LENGTHS), labels=[*names, f"more than {LENGTHS[-1]} characters"]
    ).cast(pl.String)  # fmt: skip


def _mean(merit: npt.NDArray[np.float64], groups: npt.NDArray[np.int64]) -> dict[str, Any]:
    if np.isin(merit, (0.0, 1.0)).all():
        interval = binomtest(int(merit.sum()), len(merit)).proportion_ci(CONFIDENCE, method="wilson")
        low, high = float(interval.low), float(interval.high)
    else:
        numbered = np.unique(groups, return_inverse=True)[1]
        mean = clustered_mean(merit, numbered)
        low, high = mean.low, mean.high
    return {"documents": len(merit), "figure": float(merit.mean()), "low": low, "high": high}


def _shares(labels: pl.Series) -> dict[str, float]:
    counts = labels.value_counts().sort("label")
    return {label: count / len(labels) for label, count in counts.iter_rows()}
