"""How one model is measured: an entry of ``evaluate`` in params.yaml, and the figures of each kind."""

from typing import Annotated, Literal

from pydantic import Field

from tokenmill.core.settings import Name, Seed, Settings
from tokenmill.evaluation.choices.settings import Choices
from tokenmill.evaluation.code.settings import CodeSettings
from tokenmill.evaluation.embeddings.settings import Embeddings
from tokenmill.evaluation.privacy.settings import PrivacySettings
from tokenmill.inference.generation.limits import (
    HIGHEST_TEMPERATURE,
    LOWEST_TEMPERATURE,
    MOST_NEW_TOKENS,
    MOST_SEQUENCES,
)

FIGURES: dict[str, tuple[str, ...]] = {
    "causal-lm": ("bits_per_byte", "perplexity", "loss"),
    "masked-lm": ("accuracy", "loss", "perplexity"),
    "text-to-text": ("accuracy", "loss", "perplexity"),
    "sequence-classifier": ("accuracy", "f1", "calibration_error"),
    "multi-label-classifier": ("micro_f1", "f1", "subset_accuracy", "calibration_error"),
    "regressor": ("mean_absolute_error", "r2", "spearman"),
    "token-classifier": ("accuracy",),
    "character-classifier": ("f1", "precision", "recall", "recall_unseen"),
    "generation": (
        *("chrf", "bleu", "rouge1", "rouge2", "rougeL", "exact_match"),
        *("placeholders_kept", "ended", "length_ratio", "copied"),
    ),
    "chat": ("bits_per_byte", "hits_at_1", "ended", "distinct_1", "distinct_2"),
    "preference": ("reward_accuracy", "accuracy", "margin", "kl"),
    "span-extractor": ("exact_match", "answer_f1"),
}
"""What can be measured, and its figures, the first of which is the headline: a model by its kind
(tokenmill/model/names.py), a classifier of texts by its problem, or by its task where a language model was
fine-tuned for one."""

PROBLEMS = {
    "multi_label_classification": "multi-label-classifier",
    "multi-label": "multi-label-classifier",
    "regression": "regressor",
}
"""Classifiers of texts that give no single label, by the problem as models and as settings name it."""

LOWER_IS_BETTER = frozenset(
    {"bits_per_byte", "calibration_error", "kl", "loss", "mean_absolute_error", "perplexity"}
)
"""Of all other figures more is better."""


def measured_as(kind: str, task: str | None, problem: str | None = None) -> str:
    """The entry of FIGURES for a model of a kind that was fine-tuned for a task (None: for none).

    ``problem`` is that of a classifier of texts.
    """
    if kind == "sequence-classifier" and problem in PROBLEMS:
        return PROBLEMS[problem]
    return task if task in FIGURES else kind


SliceColumn = Literal["source", "language", "length", "group", "label", "target"]
"""By what test documents are told apart: a column of theirs, or their length."""

COUNTERFACTUALS = (
    ("他", "她"),
    ("先生", "女士"),
    ("男", "女"),
    ("爸爸", "妈妈"),
    ("北京", "河南"),
    ("he", "she"),
    ("his", "her"),
    ("man", "woman"),
    ("father", "mother"),
    ("John", "Mary"),
)
"""Words that should move no label."""

Word = Annotated[str, Field(min_length=1, max_length=100)]


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
    slices: list[SliceColumn] = Field(default=["source", "language", "length"])
    """By what the test documents of a classifier are told apart."""
    counterfactuals: list[Annotated[list[Word], Field(min_length=2, max_length=2)]] = Field(
        default=[list(pair) for pair in COUNTERFACTUALS]
    )
    """Pairs of words that are put in each other's place in the test texts of a classifier."""
    num_beams: Annotated[int, Field(ge=1, le=MOST_SEQUENCES)] = 1
    """Of the answers of a model that was fine-tuned to give them; 1: the likeliest token each time."""
    seed: Seed = 1
    choices: dict[Name, Choices] = Field(default={})
    """What a causal or a masked model chooses among candidates, by names of their own."""
    embeddings: dict[Name, Embeddings] = Field(default={})
    """What the model's vectors of texts are used for, by names of their own."""
    code: CodeSettings | None = None
    """What of test programs a causal model is to complete."""
    privacy: PrivacySettings | None = None
    """What a causal model gives away of its training text."""

    @property
    def files(self) -> list[str]:
        """The user's own files that are read."""
        return sorted({entry.reads for entry in self.choices.values() if entry.reads is not None})
