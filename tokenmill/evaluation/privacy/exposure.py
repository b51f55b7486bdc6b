"""How far canaries stand out among texts of the same form (Carlini et al. 2019)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tokenmill.inference.score import score
from tokenmill.model.heads import LanguageModel
from tokenmill.text.canaries import canaries, candidates
from tokenmill.text.vocabulary import Vocabulary

CANDIDATES = 1023
"""With a canary 1,024 texts: exposure is at most 10 bits."""


def exposures(model: LanguageModel, vocabulary: Vocabulary, planted: int, seed: int) -> list[dict[str, Any]]:
    """By how often canaries were planted: their number, the mean exposure, the least and the most, in bits.

    Exposure is log2 of the number of texts over the rank among them by log-probability. The row of 0 times
    has as many texts that were not planted: by chance it is 1.4 on average.
    """
    known = canaries(planted, seed)
    drawn = candidates(CANDIDATES + planted, seed)
    others = _scores(model, vocabulary, drawn[:CANDIDATES])
    by_times: dict[int, list[str]] = {0: drawn[CANDIDATES:]}
    for canary in sorted(known, key=lambda canary: canary.times):
        by_times.setdefault(canary.times, []).append(canary.text)
    rows = []
    for times, texts in by_times.items():
        scores = _scores(model, vocabulary, texts)
        ranks = 1 + (others > scores[:, None]).sum(1)
        bits = np.log2((CANDIDATES + 1) / ranks)
        rows.append(
            {
                "times": times,
                "canaries": len(texts),
                "exposure": float(bits.mean()),
                "least": float(bits.min()),
                "most": float(bits.max()),
                "first": int((ranks == 1).sum()),
            }
        )
    return rows


def _scores(model: LanguageModel, vocabulary: Vocabulary, texts: Sequence[str]) -> npt.NDArray[np.float64]:
    return np.array([found.total for found in score(model, vocabulary, texts)])
