"""Positional encodings: rotary, sinusoidal, and T5's buckets of relative distance.

Learned positions are an embedding table and need no code of their own.
"""

import math

import torch
from torch import Tensor, nn

Rotation = tuple[Tensor, Tensor]
"""Cosines and sines, each (T, 1, H/2) or, where rows differ in their positions, (B, T, 1, H/2)."""


class Rotary(nn.Module):
    """Rotary positions (Su et al. 2021): pairs of dimensions turn by angles that grow with the position."""

    cos: Tensor
    sin: Tensor

    def __init__(self, head_width: int, context: int, base: float) -> None:
        super().__init__()
        frequency = base ** (-torch.arange(0, head_width, 2, dtype=torch.float64) / head_width)
        angle = torch.arange(context, dtype=torch.float64)[:, None] * frequency
        # Not parameters: they follow from the config, so a model folder need not hold them.
        self.register_buffer("cos", angle.cos().float(), persistent=False)
        self.register_buffer("sin", angle.sin().float(), persistent=False)

    def forward(self, positions: slice | Tensor) -> Rotation:
        """The rotation at ``positions``: a range that all rows share, or (B, T) ones."""
        return self.cos[positions].unsqueeze(-2), self.sin[positions].unsqueeze(-2)


def sinusoids(context: int, width: int) -> Tensor:
    """Positions (context, width) of Vaswani et al. 2017, 3.5: sines at even dimensions, cosines at odd."""
    frequency = 10_000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angle = torch.arange(context, dtype=torch.float64)[:, None] * frequency
    return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(1)[:, :width].float()


def relative_bucket(distance: Tensor, *, buckets: int, farthest: int, causal: bool) -> Tensor:
    """Buckets of Raffel et al. 2020 (T5) for ``distance`` = position attended to - own position.

    Half of the buckets hold one distance each, the others grow with its logarithm up to ``farthest``. Where
    attention goes both ways, one half of all buckets is for what stands behind.
    """
    result = torch.zeros_like(distance)
    if causal:
        distance = (-distance).clamp(min=0)
    else:
        buckets //= 2
        result += (distance > 0) * buckets
        distance = distance.abs()
    exact = buckets // 2
    # In float32, as the published weights were trained: a bucket's border must not move.
    growth = torch.log(distance.clamp(min=1).float() / exact) / math.log(farthest / exact)
    far = (exact + (growth * (buckets - exact)).long()).clamp(max=buckets - 1)
    return result + torch.where(distance < exact, distance, far)


class RelativeBias(nn.Module):
    """T5's bias on attention scores: a learned number for each bucket and head, shared by all layers."""

    def __init__(self, heads: int, *, buckets: int, farthest: int, causal: bool) -> None:
        super().__init__()
        self.buckets, self.farthest, self.causal = buckets, farthest, causal
        self.table = nn.Embedding(buckets, heads)

    def forward(self, start: int, stop: int) -> Tensor:
        """Biases (1, N, T, S) of positions ``start .. stop`` towards ``0 .. stop``."""
        place = torch.arange(stop, device=self.table.weight.device)
        distance = place[None, :] - place[start:, None]
        bucket = relative_bucket(distance, buckets=self.buckets, farthest=self.farthest, causal=self.causal)
        return self.table(bucket).permute(2, 0, 1).unsqueeze(0)
