"""Texts as vectors, pooled from a model's last hidden states."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from tokenmill.inference.rows import by_length, check_finite, check_texts
from tokenmill.model.heads import Model, pool
from tokenmill.model.padding import pad_rows
from tokenmill.text.vocabulary import Vocabulary


@torch.inference_mode()
def embed(
    model: Model,
    vocabulary: Vocabulary,
    texts: Sequence[str],
    *,
    pooling: Literal["mean", "first", "last"] = "mean",
    normalise: bool = False,
    batch_size: int = 64,
) -> npt.NDArray[np.float32]:
    """Vectors (texts, width) of any model's hidden states; of a text-to-text model, its encoder's.

    Of a text that is longer than the model's context the beginning is read.

    Args:
        model: any.
        vocabulary: its own.
        texts: one vector each.
        pooling: the mean over all tokens, those around the text included; the first token, BERT's [CLS]; or
            the last, all that a causal model has read.
        normalise: to length 1, so that a dot product is the cosine.
        batch_size: so many texts at a time.
    """
    model.eval()
    check_texts(texts)
    rows = [row or [vocabulary.pad] for row in vocabulary.encode(texts, model.config.context)]
    result = np.empty((len(rows), model.config.width), np.float32)
    device = next(model.parameters()).device
    for chosen in by_length(rows, batch_size):
        tokens_BT, attention_mask_BT = (
            part.to(device) for part in pad_rows([rows[index] for index in chosen], vocabulary.pad)
        )
        vector_BD = pool(model.backbone(tokens_BT, attention_mask_BT), attention_mask_BT, pooling).float()
        check_finite(vector_BD)
        result[chosen] = (F.normalize(vector_BD, dim=-1) if normalise else vector_BD).cpu().numpy()
    return result
