"""Texts of unequal length as one padded batch."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tokenmill.text.ngrams import BUCKETS


def pad_rows(rows: Sequence[Sequence[int]], padding: int) -> tuple[Tensor, Tensor]:
    """Rows of unequal length as tokens (B, T), padded at the end, and their attention mask (B, T)."""
    lengths_B1 = torch.tensor([len(row) for row in rows])[:, None]
    attention_mask_BT = torch.arange(int(lengths_B1.max())) < lengths_B1
    tokens_BT = torch.full(attention_mask_BT.shape, padding)
    tokens_BT[attention_mask_BT] = torch.tensor([token for row in rows for token in row])
    return tokens_BT, attention_mask_BT


def pad_ngrams(buckets: Sequence[npt.NDArray[np.int64]]) -> Tensor:
    """Buckets of several texts' n-grams as one tensor (B, G), padded with BUCKETS."""
    rows = [torch.from_numpy(row) for row in buckets]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=BUCKETS)
