"""Whether the loss tells training documents from others (Yeom et al. 2018)."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from tokenmill.evaluation.privacy.documents import Drawn
from tokenmill.evaluation.scores import CONFIDENCE
from tokenmill.inference.score import score_next
from tokenmill.model.heads import LanguageModel
from tokenmill.text.vocabulary import Vocabulary

Floats = npt.NDArray[np.float64]


def membership(
    model: LanguageModel, vocabulary: Vocabulary, train: Drawn, test: Drawn, count: int
) -> dict[str, Any]:
    """The area under the curve of "less bits per byte means training", and the mean of either split."""
    ours, theirs = (_bits_per_byte(model, vocabulary, drawn, count) for drawn in (train, test))
    if not len(ours) or not len(theirs):
        return {}
    return {
        "documents": {"train": len(ours), "test": len(theirs)},
        **area_under_curve(-ours, -theirs),
        "bits_per_byte": {"train": float(ours.mean()), "test": float(theirs.mean())},
        "ratio": float(ours.mean() / theirs.mean()),
    }


def _bits_per_byte(model: LanguageModel, vocabulary: Vocabulary, drawn: Drawn, count: int) -> Floats:
    """Of the beginning of each document (documents,) that fits into the context."""
    rows = [row[: model.config.context] for row in drawn.rows if len(row) > 1][:count]
    scores = score_next(model, vocabulary, rows, [1] * len(rows))
    sizes = [max(1, len(vocabulary.decode(score.tokens).encode())) for score in scores]
    return np.array([-score.total / np.log(2) / size for score, size in zip(scores, sizes, strict=True)])


def area_under_curve(positive: Floats, negative: Floats) -> dict[str, float]:
    """How often one of ``positive`` is above one of ``negative``, with its interval (DeLong et al. 1988)."""
    above = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    area = float(above.mean())
    spread = np.sqrt(
        sum(float(np.var(means)) / max(len(means) - 1, 1) for means in (above.mean(1), above.mean(0)))
    )
    reach = float(norm.ppf((1 + CONFIDENCE) / 2) * spread)
    return {"auc": area, "auc_low": max(0.0, area - reach), "auc_high": min(1.0, area + reach)}
