"""Language models on the test split, beside the n-gram model and the most frequent token."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tokenmill.evaluation.ngram import NGram
from tokenmill.evaluation.settings import EvaluateSettings
from tokenmill.text.shards import TokenSplit
from tokenmill.text.tokenizer import FIRST_TEXT_ID

if TYPE_CHECKING:
    from tokenmill.model.heads import LanguageModel
    from tokenmill.text.vocabulary import Vocabulary

SAMPLES = 3
"""Continuations of each prompt."""


def generate_samples(
    model: "LanguageModel", vocabulary: "Vocabulary", settings: EvaluateSettings
) -> list[dict[str, Any]]:
    """``[{"prompt": ..., "continuations": [...]}, ...]`` in the order of ``evaluate.prompts``.

    Raises:
        UserError: a prompt and its new tokens do not fit into the model's context.
    """
    from tokenmill.inference.generation.generate import generate

    samples = []
    for number, prompt in enumerate(settings.prompts):
        # A seed of its own for each prompt: with the same draws a weak model says the same thing after each.
        (texts,) = generate(
            model,
            vocabulary,
            [prompt],
            max_new_tokens=settings.max_new_tokens,
            temperature=settings.temperature,
            num_return_sequences=SAMPLES,
            seed=settings.seed + number,
        )
        samples.append({"prompt": prompt, "continuations": texts})
    return samples


def score_causal(model: "LanguageModel", test: TokenSplit) -> dict[str, float]:
    """Bits per byte and perplexity (per text token) on the test split."""
    from tokenmill.objectives.scoring import bits_per_byte, stream_nats

    nats, count = stream_nats(model, test.stream(), first_text_id=FIRST_TEXT_ID)
    return {"bits_per_byte": bits_per_byte(nats, test.text_bytes), "perplexity": float(np.exp(nats / count))}


def score_ngram(ngram: NGram, stream: npt.NDArray[Any], text_bytes: float) -> dict[str, float]:
    """The same figures of an n-gram model: special tokens are read but are no targets."""
    bits = -ngram.log2_probs(stream)[stream >= FIRST_TEXT_ID]
    return {"bits_per_byte": float(bits.sum() / text_bytes), "perplexity": float(2 ** bits.mean())}


def score_objective(
    model: "LanguageModel",
    vocabulary: "Vocabulary",
    pretraining: Mapping[str, Any],
    train: TokenSplit,
    test: TokenSplit,
    *,
    seed: int,
) -> dict[str, float]:
    """Accuracy and loss at what the model's own objective asks for on the test split.

    Beside them the accuracy of always guessing training's most frequent token. ``pretraining`` holds the
    model's settings.
    """
    from tokenmill.objectives.batches import new_objective
    from tokenmill.objectives.scoring import objective_scores

    objective = new_objective(
        pretraining["objective"],
        share=pretraining["mask_share"],
        units=pretraining["mask_units"],
        mean_span=pretraining["mean_span"],
        apart=pretraining["packing"] == "apart",
        tokenizer=vocabulary.tokenizer,
    )
    loss, accuracy = objective_scores(model, test.stream(), objective, seed=seed)
    counts = np.bincount(train.stream())
    counts[:FIRST_TEXT_ID] = 0
    stream = test.stream()
    guessed = (stream == counts.argmax()).sum() / (stream >= FIRST_TEXT_ID).sum()
    return {"accuracy": accuracy, "loss": loss, "most_frequent_accuracy": float(guessed)}


def tokens_to_pass(curve: Sequence[dict[str, float]], bits_per_byte: float) -> int | None:
    """Tokens seen at the first point of a learning curve below ``bits_per_byte``; None if there is none."""
    return next((int(point["tokens"]) for point in curve if point["bits_per_byte"] < bits_per_byte), None)


def read_curve(path: Path) -> list[dict[str, float]]:
    """Validation points of a learning curve: ``tokens`` and the figures that it has."""
    import csv

    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.pop("split") == "validation"]
    return [{name: float(value) for name, value in row.items() if value} for row in rows]
