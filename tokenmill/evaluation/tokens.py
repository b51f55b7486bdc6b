"""Documents as the token stream of a language model, and how well and how surely it predicts tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from tokenmill.core.seeds import seed_of
from tokenmill.core.splits import Split
from tokenmill.evaluation.scores import Bin, calibration
from tokenmill.evaluation.subject import Subject
from tokenmill.model.config import ModelConfig
from tokenmill.model.heads import LanguageModel
from tokenmill.objectives.examples import Examples
from tokenmill.objectives.objective import Objective
from tokenmill.text.shards import TokenSplit, token_dtype
from tokenmill.text.special import special_tokens

TRAINING_BYTES = 64 << 20
"""UTF-8 bytes of training text, some 20M tokens, from which rivals learn at most: it bounds their memory."""

BATCH_TOKENS = 8192
"""Tokens in one forward pass."""


def encode_split(subject: Subject, split: Split, sources: Sequence[str]) -> TokenSplit:
    """A split of these sources as tokens of the model's own tokenizer, in the order of its shards."""
    return _encode(subject, subject.documents(split, sources)["text"].to_list())


def encode_training(subject: Subject) -> TokenSplit:
    """Training text of the model as its tokens: all, or every k-th document of much text."""
    texts = subject.documents("train", subject.rival_sources)["text"]
    step = -(-int(texts.str.len_bytes().sum()) // TRAINING_BYTES)
    return _encode(subject, texts.gather_every(max(step, 1)).to_list())


def _encode(subject: Subject, texts: list[str]) -> TokenSplit:
    special = special_tokens(subject.vocabulary, subject.folder)
    after = [special.eos] if special.around == 2 else []
    dtype = token_dtype(subject.model.config.vocab_size)
    documents = [
        np.array([special.bos, *encoding.ids, *after], dtype)
        for encoding in subject.vocabulary.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    ]
    ends = np.cumsum([len(document) for document in documents], dtype=np.uint64)
    text_bytes = sum(len(text.encode()) for text in texts)
    return TokenSplit((np.concatenate(documents),), (ends,), text_bytes, special=special)


@dataclass(frozen=True)
class Predictions:
    """What a model said at the targets that stand for text."""

    targets: npt.NDArray[np.int64]
    """(n,) the true tokens."""
    nats: npt.NDArray[np.float64]
    """(n,) their negative log-probabilities."""
    confidence: npt.NDArray[np.float64]
    """(n,) probability of the most probable token."""
    right: npt.NDArray[np.bool_]
    """(n,) whether that is the true one."""

    def calibration(self) -> list[Bin]:
        """Bins of confidence."""
        return calibration(self.confidence, self.right)


def batches(
    config: ModelConfig, stream: npt.NDArray[Any], objective: Objective, *, seed: int = 0
) -> Iterator[Examples]:
    """What :func:`predict` asks a model of this shape."""
    length = min(objective.row_tokens(config.context), len(stream))
    rows_BL = torch.from_numpy(stream[: len(stream) // length * length].astype(np.int64)).view(-1, length)
    for index, batch_BL in enumerate(rows_BL.split(max(1, BATCH_TOKENS // length))):
        yield objective.examples(
            batch_BL,
            vocab_size=config.vocab_size,
            generator=torch.Generator().manual_seed(seed_of(seed, index)),
        )


@torch.inference_mode()
def predict(
    model: LanguageModel, stream: npt.NDArray[Any], objective: Objective, *, seed: int = 0
) -> Predictions:
    """What a model says at an objective's targets on a stream (1-D); special targets are left out.

    Args:
        model: any language model.
        stream: is cut into rows of the model's context; what fills no row is left out.
        objective: what is asked of the model.
        seed: draws what the objective leaves to chance.
    """
    device = next(model.parameters()).device
    special = torch.tensor(objective.special.ids, device=device)
    parts: list[tuple[npt.NDArray[Any], ...]] = []
    for examples in batches(model.config, stream, objective, seed=seed):
        logits_NV, targets_N = examples.to(device).predictions(model)
        text_N = ~torch.isin(targets_N, special)
        logits_NV, targets_N = logits_NV[text_N].float(), targets_N[text_N]
        nats_N = F.cross_entropy(logits_NV, targets_N, reduction="none")
        highest_N, best_N = logits_NV.max(-1)
        confidence_N = (highest_N - logits_NV.logsumexp(-1)).exp()
        parts.append(tuple(part.cpu().numpy() for part in (targets_N, nats_N, confidence_N, best_N)))
    targets, nats, confidence, best = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Predictions(targets, nats.astype(np.float64), confidence.astype(np.float64), best == targets)
