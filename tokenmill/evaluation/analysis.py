"""What one figure hides of a classifier: slices, pairs of texts, words that give a label away, decisions."""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tokenmill.evaluation.counterfactuals import counterfactuals
from tokenmill.evaluation.explanations import explanations
from tokenmill.evaluation.giveaways import giveaways
from tokenmill.evaluation.scores import Probabilities
from tokenmill.evaluation.slices import label_shares, slices
from tokenmill.evaluation.subject import Subject

DIGITS = 4


def analysis(
    subject: Subject,
    test: pl.DataFrame,
    outputs: Probabilities,
    merit: npt.NDArray[np.float64],
    figure: str,
) -> dict[str, Any]:
    """What figures.json has as ``analysis``.

    Args:
        subject: a classifier of texts.
        test: labelled test documents.
        outputs: what it says of them (documents, labels).
        merit: of each document, the mean of which is ``figure``.
        figure: name of a figure.
    """
    config, settings = subject.model.config, subject.settings
    pairs = [(one, other) for one, other in settings.counterfactuals]
    numeric = config.problem_type == "regression"
    found = {
        "figure": figure,
        "slices": slices(test, merit, groups_of(test), settings.slices, figure),
        "label_shares": [] if numeric else label_shares(test, settings.slices),
        "giveaways": [] if numeric else giveaways(subject),
        "counterfactuals": counterfactuals(subject, test["text"].to_list(), outputs, pairs),
        **explanations(subject, test, outputs, merit, worse_first=figure == "mean_absolute_error"),
    }
    rounded: dict[str, Any] = _rounded(found)
    return rounded


def groups_of(documents: pl.DataFrame) -> npt.NDArray[np.int64]:
    """Numbers (documents,) of what hangs together: a document's group, or it alone."""
    if "group" not in documents.columns:
        return np.arange(documents.height)
    names = documents.select(pl.coalesce("group", pl.format("document {}", "id")))
    return names.to_series().rank("dense").cast(pl.Int64).to_numpy() - 1


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return round(value, DIGITS) if isinstance(value, float) else value
