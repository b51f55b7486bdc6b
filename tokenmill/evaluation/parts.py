"""What a figure is made of, document by document: for a paired test of two models on the same documents."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tokenmill.evaluation.resampling import Counts, Figure
from tokenmill.evaluation.scores import Comparison


@dataclass(frozen=True)
class Parts:
    """A model's figure as sums over what was measured."""

    units: tuple[str, ...]
    """What was measured: ids of documents, or of what stands for them. Two models compare on equal ones."""
    groups: tuple[str, ...]
    """Of each unit what it hangs together with; these are drawn anew."""
    counts: Counts
    """(units, K)"""
    figure: Figure
    measured_in: str = ""
    """What both models must share, such as a tokenizer: a loss by token compares with no other's tokens."""

    @property
    def value(self) -> float:
        """The figure itself."""
        return float(self.figure(self.counts.sum(0)))


def ratio(sums: Counts) -> Counts:
    """The first of sums (..., 2) by the second: a mean, an accuracy."""
    return np.divide(sums[..., 0], sums[..., 1], out=np.zeros_like(sums[..., 0]), where=sums[..., 1] > 0)


def means(
    units: Sequence[str], groups: Sequence[str], values: npt.NDArray[np.float64], *, measured_in: str = ""
) -> Parts:
    """A figure that is the mean of values (units,)."""
    counts = np.stack([values, np.ones(len(values))], axis=1)
    return Parts(tuple(units), tuple(groups), counts, ratio, measured_in)


def documents_and_groups(documents: pl.DataFrame) -> tuple[list[str], list[str]]:
    """Ids of documents, and the group of each with its source, or its id where it has none."""
    if "group" not in documents.columns:
        return documents["id"].to_list(), documents["id"].to_list()
    named = documents.select(pl.coalesce(pl.format("{}: {}", "source", "group"), "id"))
    return documents["id"].to_list(), named.to_series().to_list()


LEAST_GROUPS = 10
"""Documents, or groups of them, from which on draws of them say anything."""


@dataclass(frozen=True)
class Paired:
    """The figure of a model and that of another one on the same documents."""

    value: float
    other: float
    documents: int
    """0 where the figure does not come apart into documents."""
    comparison: Comparison | None
    """The ``gain``, above 0 where the first is better. None where the figure does not come apart into
    documents, or they are fewer than LEAST_GROUPS."""
