"""How one model is measured: an entry of ``evaluate`` in params.yaml, and the figures of each kind."""

from typing import Annotated

from pydantic import Field

from tokenmill.core.settings import Name, Seed, Settings
from tokenmill.inference.generation.limits import (
    HIGHEST_TEMPERATURE,
    LOWEST_TEMPERATURE,
    MOST_NEW_TOKENS,
)

FIGURES: dict[str, tuple[str, ...]] = {
    "causal-lm": ("bits_per_byte", "perplexity", "loss"),
    "masked-lm": ("accuracy", "loss", "perplexity"),
    "text-to-text": ("accuracy", "loss", "perplexity"),
    "sequence-classifier": ("accuracy", "f1", "calibration_error"),
    "token-classifier": ("accuracy",),
    "span-extractor": ("exact_match", "answer_f1"),
}
"""What can be measured, and its figures, the first of which is the headline: a model by its kind
(tokenmill/model/names.py), or by its task where a language model was fine-tuned for one."""

HIGHER_IS_BETTER = frozenset({"accuracy", "f1", "exact_match", "answer_f1"})
"""Of all other figures less is better."""


def measured_as(kind: str, task: str | None) -> str:
    """The entry of FIGURES for a model of a kind that was fine-tuned for a task (None: for none)."""
    return task if task in FIGURES else kind


class EvaluateSettings(Settings):
    """What a model is measured by, and what stands beside it; each kind of model takes what concerns it."""

    sources: list[Name] | None = Field(default=None, min_length=1)
    """Sources whose test documents are read; null: those that the model was trained on."""
    ngram_order: Annotated[int, Field(ge=1, le=8)] = 4
    """Of the n-gram model beside a causal one."""
    prompts: list[str] = Field(default=[])
    """Texts that a model which generates goes on from."""
    max_new_tokens: Annotated[int, Field(ge=1, le=MOST_NEW_TOKENS)] = 40
    """Less than the context of the model."""
    temperature: Annotated[float, Field(ge=LOWEST_TEMPERATURE, le=HIGHEST_TEMPERATURE)] = 0.8
    seed: Seed = 1
