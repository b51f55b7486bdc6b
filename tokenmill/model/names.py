"""The names that settings and models share: kinds of models and families. No torch here."""

from collections.abc import Sequence
from typing import Literal

Kind = Literal[
    "causal-lm",
    "masked-lm",
    "text-to-text",
    "features",
    "sequence-classifier",
    "token-classifier",
    "character-classifier",
    "span-extractor",
]
"""What stands on a backbone: a language model of one of three sorts, nothing, or a head for a task."""

LANGUAGE_MODELS: tuple[Kind, ...] = ("causal-lm", "masked-lm", "text-to-text")
CLASSIFIERS: tuple[Kind, ...] = ("sequence-classifier", "token-classifier", "character-classifier")

Decoder = Literal["small-gpt", "gpt2", "opt", "llama", "qwen3", "rnn", "lstm"]
Encoder = Literal["small-bert", "bert", "modernbert"]
TextToText = Literal["small-t5", "vaswani", "t5", "t5-1.1"]
Family = Literal[Decoder, Encoder, TextToText]
"""The named configurations of families.py."""


def bio_labels(names: Sequence[str]) -> tuple[str, ...]:
    """Labels of characters: outside, and of each name of an entity its beginning and what follows."""
    return ("O", *(f"{part}-{name}" for name in names for part in "BI"))
