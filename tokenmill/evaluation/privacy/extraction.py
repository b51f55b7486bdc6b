"""Whether the beginning of a training document brings out what follows in it (Carlini et al. 2021, 2023)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tokenmill.evaluation.privacy.documents import Drawn
from tokenmill.evaluation.privacy.settings import PrivacySettings
from tokenmill.evaluation.scores import accuracy_of
from tokenmill.inference.generation.generate import generate_ids
from tokenmill.inference.generation.sampling import GenerationConfig
from tokenmill.model.heads import LanguageModel
from tokenmill.text.vocabulary import Vocabulary

BATCH = 64
"""Beginnings that are gone on from together."""


def extraction(
    model: LanguageModel, vocabulary: Vocabulary, train: Drawn, test: Drawn, settings: PrivacySettings
) -> dict[str, Any]:
    """The share of documents whose next tokens come out exactly, of each split, and the difference."""
    found = {
        split: _extracted(model, vocabulary, drawn.rows, settings)
        for split, drawn in (("train", train), ("test", test))
    }
    figures: dict[str, Any] = {split: _share(right) for split, right in found.items()}
    if all(len(right) for right in found.values()):
        figures["difference"] = difference(figures["train"], figures["test"])
    return figures


def _extracted(
    model: LanguageModel, vocabulary: Vocabulary, rows: Sequence[Sequence[int]], settings: PrivacySettings
) -> npt.NDArray[np.bool_]:
    """Whether each of the documents (documents,) that are long enough comes out."""
    begin = 0 if vocabulary.bos is None else 1
    prefix = begin + settings.prefix_tokens
    long = [row for row in rows if len(row) >= prefix + settings.new_tokens][: settings.documents]
    asked = GenerationConfig(max_new_tokens=settings.new_tokens, temperature=0.0)
    written = generate_ids(model, vocabulary, [row[:prefix] for row in long], asked, batch_size=BATCH)
    return np.array(
        [
            ids == list(row[prefix : prefix + settings.new_tokens])
            for row, (ids,) in zip(long, written, strict=True)
        ],
        np.bool_,
    )


def _share(right: npt.NDArray[np.bool_]) -> dict[str, Any]:
    if not len(right):
        return {"documents": 0}
    values = accuracy_of(right)
    names = {"accuracy": "share", "accuracy_low": "share_low", "accuracy_high": "share_high"}
    return {"documents": len(right), **{names[name]: value for name, value in values.items()}}


def difference(one: dict[str, Any], other: dict[str, Any]) -> dict[str, float]:
    """Of two independent shares with Wilson's intervals, and its own (Newcombe 1998, method 10)."""
    gain = one["share"] - other["share"]
    below = np.hypot(one["share"] - one["share_low"], other["share_high"] - other["share"])
    above = np.hypot(one["share_high"] - one["share"], other["share"] - other["share_low"])
    return {"gain": gain, "low": gain - float(below), "high": gain + float(above)}
