"""Runs of positions in rows of flags: what masking and span corruption share."""

import torch
from torch import Tensor


def previous(flags_BT: Tensor) -> Tensor:
    """For each position the flag of the position before it (B, T); false for the first."""
    return torch.nn.functional.pad(flags_BT[:, :-1], (1, 0))


def from_first(values_BT: Tensor, starts_BT: Tensor) -> Tensor:
    """For each position the value at the first position of its unit (B, T)."""
    positions_T = torch.arange(values_BT.shape[1])
    return values_BT.gather(1, torch.where(starts_BT, positions_T, 0).cummax(1).values)


def is_text(tokens_BT: Tensor, special: tuple[int, ...]) -> Tensor:
    """Which positions (B, T) hold text and none of the special tokens."""
    return ~torch.isin(tokens_BT, torch.tensor(special, dtype=tokens_BT.dtype, device=tokens_BT.device))
