"""The target that belongs to a text, found among all targets by their vectors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tokenmill.core.errors import UserError
from tokenmill.evaluation.embeddings.classes import RIVAL, Embed, nearest
from tokenmill.evaluation.few_examples import tfidf
from tokenmill.evaluation.scores import clustered_mean

DEPTH = 10
"""Places that recall looks at."""


def measure_retrieval(embed: Embed, train: pl.DataFrame, test: pl.DataFrame, where: str) -> dict[str, Any]:
    """Recall@10 and mean reciprocal rank of each text's own target among those of all test documents.

    Equal targets are all right. The rival's weights are from the training documents' texts and targets.

    Raises:
        UserError: fewer than two documents have a target.
    """
    pairs = test.drop_nulls("target")
    texts, targets = pairs["text"].to_list(), pairs["target"].unique(maintain_order=True).to_list()
    if len(targets) < 2:
        raise UserError(
            f"{where}.source: its test documents have {len(targets)} different targets; "
            "name a source of pairs, such as texts and their translations"
        )
    gold = np.array([targets.index(target) for target in pairs["target"]])
    weigh = tfidf([*train["text"], *train.drop_nulls("target")["target"]])
    return {
        "documents": len(texts),
        "targets": len(targets),
        "chance": min(1.0, DEPTH / len(targets)),
        **_figures(nearest(embed(texts), embed(targets)), gold),
        "rivals": {"tfidf": {"label": RIVAL, **_figures(nearest(weigh(texts), weigh(targets)), gold)}},
    }


def _figures(found: npt.NDArray[np.int64], gold: npt.NDArray[np.int64]) -> dict[str, float]:
    rank = (found == gold[:, None]).argmax(1) + 1
    values: Sequence[tuple[str, Any]] = (("recall_at_10", rank <= DEPTH), ("mrr", 1 / rank))
    figures: dict[str, float] = {}
    for name, each in values:
        mean = clustered_mean(np.asarray(each, np.float64), np.arange(len(rank)))
        low, high = max(0.0, mean.low), min(1.0, mean.high)
        figures |= {name: mean.gain, f"{name}_low": low, f"{name}_high": high}
    return figures
