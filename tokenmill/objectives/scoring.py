"""How well a model predicts given tokens: nats for bits per byte, loss and accuracy at labels."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from tokenmill.core.seeds import seed_of
from tokenmill.model.heads import LanguageModel
from tokenmill.objectives.examples import IGNORE_INDEX
from tokenmill.objectives.objective import Objective
from tokenmill.objectives.runs import is_text

BATCH_TOKENS = 8192
"""Tokens in one forward pass: keeps the logits of an 8k vocabulary within 256 MiB."""


def bits_per_byte(nats: float, text_bytes: float) -> float:
    """Bits that the model needs for one UTF-8 byte of the text: comparable across tokenizers."""
    return nats / math.log(2) / text_bytes


def _windows(stream: npt.NDArray[Any], context: int, stride: int) -> tuple[Tensor, Tensor]:
    """Inputs and labels (rows, context) such that each token but the first is a label exactly once."""
    count = max(1, -(-(len(stream) - 1 - (context - stride)) // stride))
    inputs = np.zeros((count, context), np.int64)
    labels = np.full((count, context), IGNORE_INDEX, np.int64)
    for row in range(count):
        begin = row * stride
        piece = stream[begin : begin + context + 1].astype(np.int64)
        inputs[row, : len(piece) - 1] = piece[:-1]
        fresh = 0 if row == 0 else context - stride
        labels[row, fresh : len(piece) - 1] = piece[fresh + 1 :]
    return torch.from_numpy(inputs), torch.from_numpy(labels)


@torch.inference_mode()
def label_nats(
    model: LanguageModel, stream: npt.NDArray[Any], *, special: Iterable[int], stride: int | None = None
) -> npt.NDArray[np.float64]:
    """Negative log-likelihood (labels,) of each token of a stream (1-D, two at least) under a causal model.

    Windows of the model's context move on by ``stride`` (half a context unless given); a label is counted
    once, with at least ``context - stride`` tokens before it. Labels are all tokens but the first, in their
    order, without those that are ``special``: these are read, but no byte of text stands behind them.
    """
    context = min(model.config.context, len(stream) - 1)
    inputs, labels = _windows(stream, context, min(stride or max(1, context // 2), context))
    labels = labels.masked_fill(~is_text(labels, tuple(special)), IGNORE_INDEX)
    device = next(model.parameters()).device
    parts, rows = [np.zeros(0)], max(1, BATCH_TOKENS // context)
    for start in range(0, len(inputs), rows):
        hidden = model.backbone(inputs[start : start + rows].to(device))
        label = labels[start : start + rows].to(device)
        kept = label != IGNORE_INDEX
        nats = F.cross_entropy(model.logits(hidden[kept]).float(), label[kept], reduction="none")
        parts.append(nats.double().cpu().numpy())
    return np.concatenate(parts)


def stream_nats(
    model: LanguageModel, stream: npt.NDArray[Any], *, special: Iterable[int], stride: int | None = None
) -> tuple[float, int]:
    """The sum of :func:`label_nats`, and the number of labels."""
    nats = label_nats(model, stream, special=special, stride=stride)
    return float(nats.sum()), len(nats)


@torch.inference_mode()
def objective_scores(
    model: LanguageModel, stream: npt.NDArray[Any], objective: Objective, *, seed: int
) -> tuple[float, float]:
    """Mean loss in nats and accuracy at an objective's text labels on a stream (1-D), drawn from ``seed``.

    Special ones, such as the sentinels between spans, say nothing about the text and are left out.
    """
    length = min(objective.row_tokens(model.config.context), len(stream))
    rows_BL = torch.from_numpy(stream[: len(stream) // length * length].astype(np.int64)).view(-1, length)
    device = next(model.parameters()).device
    loss, right, count = 0.0, 0, 0
    step = max(1, BATCH_TOKENS // length)
    for index, start in enumerate(range(0, len(rows_BL), step)):
        batch = objective.examples(
            rows_BL[start : start + step],
            vocab_size=model.config.vocab_size,
            generator=torch.Generator().manual_seed(seed_of(seed, index)),
        )
        logits, labels = batch.to(device).predictions(model)
        text = is_text(labels, objective.special.ids)
        logits, labels = logits[text].float(), labels[text]
        loss += float(F.cross_entropy(logits, labels, reduction="sum").double())
        right += int((logits.argmax(-1) == labels).sum())
        count += len(labels)
    return loss / max(count, 1), right / max(count, 1)
