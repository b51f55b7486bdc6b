"""Texts to class probabilities."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lm.errors import UserError
from lm.heads import SequenceClassifier
from lm.tokenizer import EOS, PAD, encode_documents

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def encode_texts(
    tokenizer: "Tokenizer", texts: Sequence[str], max_tokens: int
) -> list[npt.NDArray[np.int64]]:
    """Each text as <bos> tokens <eos>; a longer one keeps its first tokens and its <eos>."""
    rows = []
    for ids in encode_documents(tokenizer, texts):
        if len(ids) > max_tokens:
            ids = np.append(ids[: max_tokens - 1], np.uint32(EOS))
        rows.append(ids.astype(np.int64))
    return rows


def pad(rows: Sequence[npt.NDArray[np.int64]]) -> tuple[Tensor, Tensor]:
    """Rows of unequal length as tokens (B, T), padded at the end, and presence (B, T)."""
    longest = max(len(row) for row in rows)
    tokens = np.full((len(rows), longest), PAD, np.int64)
    for index, row in enumerate(rows):
        tokens[index, : len(row)] = row
    tokens_BT = torch.from_numpy(tokens)
    return tokens_BT, tokens_BT != PAD


@torch.inference_mode()
def classify(
    model: SequenceClassifier, tokenizer: "Tokenizer", texts: Sequence[str], *, batch_size: int = 64
) -> npt.NDArray[np.float32]:
    """Probabilities (texts, labels), labels in the order of ``model.config.labels``.

    Texts of like length share a batch, so that little is computed on padding.

    Raises:
        UserError: the model is no classifier.
    """
    if not isinstance(model, SequenceClassifier):
        raise UserError(
            f"this model is a {model.config.kind}; give a fine-tuned classifier, such as sentiment"
        )
    model.eval()
    rows = encode_texts(tokenizer, texts, model.config.context)
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    result = np.empty((len(rows), len(model.config.labels)), np.float32)
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        result[chosen] = model(*pad([rows[index] for index in chosen])).softmax(-1).numpy()
    return result
