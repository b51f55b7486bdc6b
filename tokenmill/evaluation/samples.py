"""Texts that a model writes after the prompts of its entry in params.yaml."""

from typing import Any

from tokenmill.core.normalization import read_normalization
from tokenmill.evaluation.subject import Subject
from tokenmill.inference.generation.generate import generate
from tokenmill.inference.normalization import beginnings, whole_texts

SAMPLES = 3
"""Continuations of each prompt."""


def generate_samples(subject: Subject) -> list[dict[str, Any]]:
    """``[{"prompt": ..., "continuations": [...]}, ...]`` in the order of the prompts.

    Raises:
        UserError: a prompt and its new tokens do not fit into the model's context.
    """
    settings, samples = subject.settings, []
    read = whole_texts if subject.model.config.kind == "text-to-text" else beginnings
    prompts = read(read_normalization(subject.folder), settings.prompts)
    for number, (prompt, written) in enumerate(zip(prompts, settings.prompts, strict=True)):
        # A seed of its own for each prompt: with the same draws a weak model says the same thing after each.
        (texts,) = generate(
            subject.model,
            subject.vocabulary,
            [prompt],
            max_new_tokens=settings.max_new_tokens,
            temperature=settings.temperature,
            num_return_sequences=SAMPLES,
            seed=settings.seed + number,
        )
        samples.append({"prompt": written, "continuations": texts})
    return samples
