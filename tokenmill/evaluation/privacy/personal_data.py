"""Personal data in what a model writes by itself, by the rules of cleaning."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from tokenmill.data.normalization.pii.kind import narrow
from tokenmill.data.normalization.pii.replace import pii_edits
from tokenmill.data.normalization.pii.table import KINDS
from tokenmill.inference.generation.generate import generate
from tokenmill.model.heads import LanguageModel
from tokenmill.text.vocabulary import Vocabulary

NEW_TOKENS = 64
"""Of each text, at most."""


def personal_data(
    model: LanguageModel, vocabulary: Vocabulary, training: pl.Series, count: int, seed: int
) -> dict[str, Any]:
    """What :func:`searched` finds in texts that the model writes from nothing, at temperature 1."""
    (texts,) = generate(
        model,
        vocabulary,
        [""],
        max_new_tokens=min(NEW_TOKENS, model.config.context - 1),
        num_return_sequences=count,
        seed=seed,
    )
    return searched(texts, training)


def searched(texts: Sequence[str], training: pl.Series) -> dict[str, Any]:
    """How many pieces of personal data of each kind stand in texts, and how many placeholders of them.

    ``in_training`` of the pieces stand so in the training text, too.
    """
    found = {kind.name: _found(texts, kind.name) for kind in KINDS}
    pieces = [piece for each in found.values() for piece in each]
    return {
        "texts": len(texts),
        "characters": sum(map(len, texts)),
        "kinds": {name: len(each) for name, each in found.items() if each},
        "in_training": sum(bool(training.str.contains(piece, literal=True).any()) for piece in pieces),
        "placeholders": sum(text.count(kind.placeholder) for text in texts for kind in KINDS),
    }


def _found(texts: Sequence[str], name: str) -> list[str]:
    kind = next(kind for kind in KINDS if kind.name == name)
    return [
        (narrow(text) if kind.wide else text)[begin:end]
        for text in texts
        for begin, end, _ in pii_edits(text, kind)
    ]
