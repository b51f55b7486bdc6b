"""Rows of token ids for the tests of objectives."""

import torch
from torch import Tensor

from tokenmill.text.tokenizer import FIRST_TEXT_ID

TEXT, VOCABULARY = FIRST_TEXT_ID, 8192


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def text(rows: int, length: int, seed: int = 0) -> Tensor:
    return torch.randint(TEXT, VOCABULARY, (rows, length), generator=seeded(seed))


def with_specials(rows: int, length: int, share: float, seed: int = 0) -> Tensor:
    """Text with <bos> and <eos> strewn in."""
    special = torch.rand(rows, length, generator=seeded(seed + 1000)) < share
    kind = torch.randint(2, 4, (rows, length), generator=seeded(seed + 1001))
    return torch.where(special, kind, text(rows, length, seed))
