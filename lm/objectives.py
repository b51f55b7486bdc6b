"""Training objectives: pure functions from token ids to inputs and targets."""

import torch
from torch import Tensor

IGNORE = -100
"""Target at positions that do not count; ``cross_entropy`` skips it."""


def causal(tokens_BT1: Tensor) -> tuple[Tensor, Tensor]:
    """Predict each token from those before it: (B, T+1) -> inputs (B, T), targets (B, T)."""
    return tokens_BT1[:, :-1], tokens_BT1[:, 1:]


def masked(
    tokens_BT: Tensor,
    *,
    share: float,
    mask_id: int,
    first_text_id: int,
    vocab_size: int,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Hide a share of the text tokens and predict them.

    Returns inputs (B, T) and targets (B, T), IGNORE where not hidden.

    Of the hidden ones 80% show ``mask_id``, 10% a random text token and 10% themselves (Devlin et al. 2019).
    Special tokens (ids below ``first_text_id``) are never hidden.
    """
    uniform = torch.rand(tokens_BT.shape, generator=generator)
    hidden = (uniform < share) & (tokens_BT >= first_text_id)
    how = torch.rand(tokens_BT.shape, generator=generator)
    random_ids = torch.randint(first_text_id, vocab_size, tokens_BT.shape, generator=generator)
    inputs = torch.where(hidden & (how < 0.8), mask_id, tokens_BT)
    inputs = torch.where(hidden & (how >= 0.9), random_ids, inputs)
    return inputs, torch.where(hidden, tokens_BT, IGNORE)
