"""The text that every side trains on, and the one measure of them all."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.train.settings import Settings

VALIDATION_TOKENS = 1 << 14
RANDOM_TOKENS = 1 << 20
ROWS_AT_ONCE = 16
OBJECTIVE = {
    "mlm_probability": 0.25,
    "masking": "token",
    "noise_density": 0.15,
    "mean_noise_span_length": 3.0,
}
"""Of params.yaml."""


@dataclass(frozen=True)
class Corpus:
    """Token streams, and the objective that turns their rows into batches."""

    train: Any
    validation: Any
    bytes_per_token: float
    """UTF-8 bytes behind a text token of the validation stream, on average."""
    vocab_size: int
    objective: Any
    row_tokens: int
    """Tokens of the stream that one row holds."""

    @property
    def fresh_tokens(self) -> int:
        """Of these, the ones that no other row holds: a causal row ends with the first token of the next."""
        return self.row_tokens - (self.objective.gives_text_probability)

    def batch(self, rows: Any, seed: int) -> Any:
        """Rows of the stream as a batch of the objective."""
        import torch

        chance = torch.Generator().manual_seed(seed)
        return self.objective.examples(rows, vocab_size=self.vocab_size, generator=chance)

    def score(self, model: Any, logits_of: Callable[[Any], Any]) -> dict[str, float]:
        """Figures over the validation rows' text targets; ``logits_of`` makes (B, T, V) of a batch.

        ``loss`` in nats a target, with ``bits_per_byte`` (causal) or ``accuracy`` (others, which give no
        probability of the text). What is hidden is drawn from fixed seeds: the same for every side.
        """
        import torch

        from tokenmill.text.tokenizer import FIRST_TEXT_ID

        starts = range(0, len(self.validation) - self.row_tokens + 1, self.fresh_tokens)
        tokens = torch.from_numpy(self.validation.astype("int64"))
        rows = torch.stack([tokens[start : start + self.row_tokens] for start in starts])
        device = next(model.parameters()).device
        nats, right, count = 0.0, 0, 0
        model.eval()
        with torch.no_grad():
            for index, some in enumerate(rows.split(ROWS_AT_ONCE)):
                batch = self.batch(some, index).to(device)
                text = batch.labels_BT >= FIRST_TEXT_ID
                logits, targets = logits_of(batch)[text], batch.labels_BT[text]
                nats += float(torch.nn.functional.cross_entropy(logits, targets, reduction="sum"))
                right += int((logits.argmax(-1) == targets).sum())
                count += len(targets)
        model.train()
        loss = nats / count
        if self.objective.gives_text_probability:
            return {"loss": loss, "bits_per_byte": loss / math.log(2) / self.bytes_per_token}
        return {"loss": loss, "accuracy": right / count}


def load(settings: Settings) -> Corpus:
    """The corpus that the settings name."""
    return _stored(settings) if settings.tokens else _random(settings)


def _stored(settings: Settings) -> Corpus:
    from tokenmill.text.shards import open_split, read_manifest
    from tokenmill.text.tokenizer import load_tokenizer

    folder = Path(settings.tokens)
    validation = open_split(folder, "validation")
    return _corpus(
        settings,
        open_split(folder, "train").stream(),
        validation.sample(VALIDATION_TOKENS),
        validation.bytes_per_text_token,
        read_manifest(folder)["vocab_size"],
        load_tokenizer(folder),
    )


def _random(settings: Settings) -> Corpus:
    """Uniformly distributed text tokens: enough for speed, and nothing is learned from them."""
    import numpy as np

    from tokenmill.text.tokenizer import FIRST_TEXT_ID

    random = np.random.default_rng(1)
    tokens = random.integers(FIRST_TEXT_ID, settings.vocab_size, RANDOM_TOKENS).astype(np.uint16)
    return _corpus(settings, tokens, tokens[:VALIDATION_TOKENS], 1.0, settings.vocab_size, None)


def _corpus(
    settings: Settings, train: Any, validation: Any, per_token: float, vocab_size: int, tokenizer: Any
) -> Corpus:
    from tokenmill.objectives.objective import new_objective

    chosen = {"objective": settings.objective, "packing": "stream", **OBJECTIVE}
    objective = new_objective(chosen, tokenizer)
    row_tokens = objective.row_tokens(settings.config(vocab_size).context)
    return Corpus(train, validation, per_token, vocab_size, objective, row_tokens)
