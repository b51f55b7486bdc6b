"""The Transformer: one trunk for causal and bidirectional models.

Pre-norm blocks with RMSNorm (Zhang & Sennrich 2019), rotary positions (Su et al. 2021), normalised queries
and keys (Henry et al. 2020), squared-ReLU (So et al. 2021) or SwiGLU (Shazeer 2020) feed-forward, no biases.

Shape suffixes: B batch, T positions of the input, S positions attended to (cached ones included), D width,
N heads, H width of a head, V vocabulary. ``x_BTD`` is a tensor of shape (B, T, D).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lm.config import ModelConfig


class Rotary(nn.Module):
    """Rotates pairs of dimensions of queries and keys by an angle that grows with the position."""

    cos: Tensor
    sin: Tensor

    def __init__(self, head_width: int, context: int, base: float) -> None:
        super().__init__()
        frequency = base ** (-torch.arange(0, head_width, 2, dtype=torch.float64) / head_width)
        angle = torch.arange(context, dtype=torch.float64)[:, None] * frequency
        # Not parameters: they follow from the config, so a model folder need not hold them.
        self.register_buffer("cos", angle.cos().float(), persistent=False)
        self.register_buffer("sin", angle.sin().float(), persistent=False)

    def forward(self, x_BNTH: Tensor, start: int) -> Tensor:
        """Rotate positions ``start .. start + T``."""
        stop = start + x_BNTH.shape[-2]
        cos, sin = self.cos[start:stop].to(x_BNTH.dtype), self.sin[start:stop].to(x_BNTH.dtype)
        first, second = x_BNTH.chunk(2, dim=-1)
        return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


class LayerCache:
    """Keys and values of the positions seen so far by one layer, in tensors allocated once."""

    def __init__(self, batch: int, config: ModelConfig, device: torch.device, dtype: torch.dtype) -> None:
        shape = (batch, config.heads, config.context, config.width // config.heads)
        self.keys = torch.zeros(shape, device=device, dtype=dtype)
        self.values = torch.zeros(shape, device=device, dtype=dtype)

    def extend(self, k_BNTH: Tensor, v_BNTH: Tensor, start: int) -> tuple[Tensor, Tensor]:
        """Write positions ``start .. start + T``; returns all keys and values up to there (views)."""
        stop = start + k_BNTH.shape[2]
        self.keys[:, :, start:stop] = k_BNTH
        self.values[:, :, start:stop] = v_BNTH
        return self.keys[:, :, :stop], self.values[:, :, :stop]


class Attention(nn.Module):
    """Multi-head attention (Vaswani et al. 2017) with rotary positions and normalised queries and keys."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads, self.causal = config.heads, config.causal
        self.query_key_value = nn.Linear(config.width, 3 * config.width, bias=False)
        self.output = nn.Linear(config.width, config.width, bias=False)
        head_width = config.width // config.heads
        self.query_norm = nn.RMSNorm(head_width, eps=1e-6)
        self.key_norm = nn.RMSNorm(head_width, eps=1e-6)
        self.rotary = Rotary(head_width, config.context, config.rope_base)

    def forward(
        self, x_BTD: Tensor, mask_BSS: Tensor | None = None, cache: LayerCache | None = None, start: int = 0
    ) -> Tensor:
        """``mask``: broadcastable to (B, N, T, S), true where attention is allowed; None allows all that
        causality does."""
        q_BNTH, k_BNTH, v_BNTH = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in self.query_key_value(x_BTD).chunk(3, dim=-1)
        )
        q_BNTH = self.rotary(self.query_norm(q_BNTH), start)
        k_BNTH = self.rotary(self.key_norm(k_BNTH), start)
        if cache is not None:
            k_BNTH, v_BNTH = cache.extend(k_BNTH, v_BNTH, start)
        causal = self.causal and mask_BSS is None and x_BTD.shape[1] > 1
        y_BNTH = F.scaled_dot_product_attention(q_BNTH, k_BNTH, v_BNTH, attn_mask=mask_BSS, is_causal=causal)
        return self.output(y_BNTH.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    """Position-wise layer: ``relu(x)^2`` at 4 x width, or SwiGLU at 8/3 x width: as many weights."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gated = config.feed_forward == "swiglu"
        # 8/3 rounded up to a multiple of 32, which matrix kernels like.
        hidden = -(-8 * config.width // 3 // 32) * 32 if self.gated else 4 * config.width
        self.input = nn.Linear(config.width, 2 * hidden if self.gated else hidden, bias=False)
        self.output = nn.Linear(hidden, config.width, bias=False)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        h = self.input(x_BTD)
        if self.gated:
            gate, value = h.chunk(2, dim=-1)
            return self.output(F.silu(gate) * value)
        return self.output(F.relu(h).square())


class Block(nn.Module):
    """Attention, then feed-forward, each on a normalised copy and added to the residual stream."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.width, eps=1e-6)
        self.attention = Attention(config)
        self.feed_forward_norm = nn.RMSNorm(config.width, eps=1e-6)
        self.feed_forward = FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, x_BTD: Tensor, mask_BSS: Tensor | None = None, cache: LayerCache | None = None, start: int = 0
    ) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        x_BTD = x_BTD + self.dropout(self.attention(self.attention_norm(x_BTD), mask_BSS, cache, start))
        return x_BTD + self.dropout(self.feed_forward(self.feed_forward_norm(x_BTD)))


class Transformer(nn.Module):
    """Token embeddings, a stack of blocks, and a final norm: tokens in, hidden states out."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.width)
        self.embedding_norm = nn.RMSNorm(config.width, eps=1e-6)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.final_norm = nn.RMSNorm(config.width, eps=1e-6)
        self.apply(_initialise)
        for block in self.blocks:
            assert isinstance(block, Block)
            # Each block begins as the identity, so that early gradients are those of a shallow model.
            nn.init.zeros_(block.attention.output.weight)
            nn.init.zeros_(block.feed_forward.output.weight)

    def forward(
        self,
        tokens_BT: Tensor,
        mask_BSS: Tensor | None = None,
        caches: list[LayerCache] | None = None,
        start: int = 0,
    ) -> Tensor:
        """Hidden states (B, T, D) of token ids (B, T).

        ``start`` is the position of the first token; ``caches`` (one a layer) hold what came before it.
        """
        x_BTD = self.embedding_norm(self.embedding(tokens_BT))
        for layer, block in enumerate(self.blocks):
            x_BTD = block(x_BTD, mask_BSS, caches[layer] if caches else None, start)
        return self.final_norm(x_BTD)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=module.in_features**-0.5)
    elif isinstance(module, nn.Embedding):
        # Tied with the output layer: small, so that the first predictions are close to uniform.
        nn.init.normal_(module.weight, std=0.02)
