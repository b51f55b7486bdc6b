"""Masked and text-to-text language models: what they make of hidden tokens, beside counts of training."""

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from tokenmill.core.files import digest_value
from tokenmill.evaluation.ancestry import documents_digest
from tokenmill.evaluation.both_sides import BothSides, gaps
from tokenmill.evaluation.parts import Parts, ratio
from tokenmill.evaluation.resampling import Figure
from tokenmill.evaluation.samples import generate_samples
from tokenmill.evaluation.scores import clustered_mean
from tokenmill.evaluation.subject import Result, Subject
from tokenmill.evaluation.tokens import Predictions, batches, encode_split, encode_training, predict
from tokenmill.model.heads import LanguageModel
from tokenmill.objectives.masked import Masked
from tokenmill.objectives.objective import Objective, new_objective
from tokenmill.text.shards import TokenSplit
from tokenmill.text.special import SpecialTokens
from tokenmill.text.tokenizer import fingerprint

DEFAULTS: dict[str, Any] = {
    "mlm_probability": 0.15,
    "masking": "token",
    "noise_density": 0.15,
    "mean_noise_span_length": 3.0,
    "packing": "stream",
}
"""What is asked of a model that does not say how it was trained: as BERT and T5 were."""


def measure_denoising(subject: Subject) -> Result:
    """Accuracy and loss at what the model's own objective hides in the test split."""
    model = subject.model
    assert isinstance(model, LanguageModel)
    samples = generate_samples(subject) if model.config.kind == "text-to-text" else []
    documents = subject.documents("test", subject.sources)
    test = encode_split(subject, "test", subject.sources)
    objective = _objective(subject, test.special)
    found = predict(model, test.stream(), objective, seed=subject.settings.seed)
    training = encode_training(subject)
    rival, gain = _measure_ngram(subject, training, test, objective, found)
    return Result(
        figures=_figures(float(found.nats.mean()), float(found.right.mean())),
        rivals={
            "ngram": rival,
            "unigram": _measure_unigram(training, found, model.config.vocab_size),
        },
        comparisons={"ngram": gain},
        documents=documents.height,
        test_digest=documents_digest(documents, labels=False),
        calibration=found.calibration(),
        samples=samples,
    )


def _figures(loss: float, accuracy: float) -> dict[str, float]:
    return {"accuracy": accuracy, "loss": loss, "perplexity": float(np.exp(loss))}


def _objective(subject: Subject, special: SpecialTokens) -> Objective:
    name = "masked" if subject.model.config.kind == "masked-lm" else "span-corruption"
    settings = {"objective": name, **DEFAULTS, **subject.ancestry.get("pretrain", {})}
    objective = new_objective(settings, subject.vocabulary.tokenizer, special)
    # The tenth of the targets that stands unchanged in a training batch would be counted as found.
    return replace(objective, always_mask=True) if isinstance(objective, Masked) else objective


def _measure_ngram(
    subject: Subject, training: TokenSplit, test: TokenSplit, objective: Objective, found: Predictions
) -> tuple[dict[str, Any], dict[str, float]]:
    """Figures of n-grams of both sides at the same targets, and how much more of these the model finds."""
    config, order, seed = subject.model.config, subject.settings.ngram_order, subject.settings.seed
    both = BothSides.fit(training.stream(), order, config.vocab_size, test.special.bos)
    parts, row = [], 0
    for examples in batches(config, test.stream(), objective, seed=seed):
        hidden = gaps(examples, test.special, reach=order - 1)
        parts.append((*both.predict(hidden), hidden.rows_N + row))
        row += len(examples)
    nats, right, rows = (np.concatenate(part) for part in zip(*parts, strict=True))
    figures: dict[str, Any] = {
        "label": f"{order}-grams of both sides, Kneser-Ney, on the same training text",
        **_figures(float(nats.mean()), float(right.mean())),
    }
    return figures, asdict(clustered_mean(found.right.astype(float) - right, rows))


def _measure_unigram(training: TokenSplit, found: Predictions, vocab_size: int) -> dict[str, Any]:
    """At the same targets: always the most frequent token of training, and its frequencies as probabilities.

    One is added to each count, so that a token that training lacks has a probability (Laplace).
    """
    counts = np.bincount(training.stream(), minlength=vocab_size) + 1
    counts[list(training.special.ids)] = 0
    nats = -np.log(counts[found.targets] / counts.sum())
    guessed = found.targets == counts.argmax()
    return {
        "label": "always the most frequent token of training; its frequencies as probabilities",
        **_figures(float(nats.mean()), float(guessed.mean())),
    }


BLOCK = 32
"""Targets of a stretch of text that are drawn together (Künsch 1989)."""

_FIGURE_OF: dict[str, tuple[int, Figure]] = {
    "accuracy": (0, ratio),
    "loss": (1, ratio),
    "perplexity": (1, lambda sums: np.exp(ratio(sums))),
}


def denoising_parts(subject: Subject, metric: str) -> Parts | None:
    """The parts of a figure by stretches of BLOCK targets; None of one that has none.

    Two models are asked for the same tokens where tokenizer, context and objective are the same.
    """
    if metric not in _FIGURE_OF:
        return None
    model = subject.model
    assert isinstance(model, LanguageModel)
    test = encode_split(subject, "test", subject.sources)
    objective = _objective(subject, test.special)
    found = predict(model, test.stream(), objective, seed=subject.settings.seed)
    place, figure = _FIGURE_OF[metric]
    values = (found.right.astype(np.float64), found.nats)[place]
    blocks = np.arange(len(values)) // BLOCK
    counts = np.stack([np.bincount(blocks, values), np.bincount(blocks)], axis=1).astype(np.float64)
    names = tuple(f"targets {number}" for number in range(len(counts)))
    targets = digest_value(found.targets.tolist())[:12]
    shared = f"tokenizer {fingerprint(subject.folder)[:12]} and targets {targets}"
    return Parts(names, names, counts, figure, shared)
