"""Windows of characters around each character, hashed into buckets: what CRFs of characters look at."""

import torch
from torch import Tensor

LONGEST = 4
REACH = 3
"""Characters to either side that windows see."""

WINDOWS = (
    (-2,), (-1,), (0,), (1,), (2,),
    (-2, -1), (-1, 0), (0, 1), (1, 2), (-1, 1),
    (-2, -1, 0), (-1, 0, 1), (0, 1, 2),
    (-3, -2, -1, 0), (0, 1, 2, 3),
)  # fmt: skip
"""Which characters a window has, counted from the one that it is a window of."""

BUCKETS = 2**19
"""Windows share a bucket where their hashes agree; docs/experiments.md has the price of fewer."""

# Factors of MurmurHash3's last step, as signed numbers: products are modulo 2**64 either way.
_MULTIPLY, _MIX = 0xFF51AFD7ED558CCD - 2**64, 0xC4CEB9FE1A85EC53 - 2**64
_TOP = 2**31 - 1


def window_buckets(characters_BC: Tensor, longest: int) -> Tensor:
    """Buckets (B, C, W) of the windows of at most ``longest`` characters, of code points (B, C).

    Padding is 0, and so is what lies beyond a row's ends. The same numbers come out on every machine.
    """
    length = characters_BC.shape[1]
    padded = torch.nn.functional.pad(characters_BC, (REACH, REACH))
    found = []
    for number, window in enumerate(WINDOWS, 1):
        if len(window) > longest:
            continue
        hashed = torch.full_like(characters_BC, number)
        for place in window:
            begin = REACH + place
            hashed = _mixed((hashed ^ padded[:, begin : begin + length]) * _MULTIPLY)
        found.append(_mixed(hashed * _MIX) % BUCKETS)
    return torch.stack(found, -1)


def _mixed(numbers: Tensor) -> Tensor:
    """Each with its upper half added to the lower one, as of unsigned numbers."""
    return numbers ^ ((numbers >> 33) & _TOP)
