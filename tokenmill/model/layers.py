"""The parts of a block: norms, attention with its cache, the feed-forward layer.

Shape suffixes, here and in the files above: B batch, T positions of the input, S positions attended to
(cached ones included), D width, N query heads, K heads of keys and values, H width of a head, V vocabulary.
``x_BTD`` is a tensor of shape (B, T, D).
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tokenmill.model.config import Activation, ModelConfig
from tokenmill.model.functions import RMSNorm, attention, relu2, rms_norm, rotate
from tokenmill.model.positions import Rotation

MOST_SCORES = 512 * 512
"""Scores of a head up to which attention in bfloat16 on a CPU goes by plain products."""


def _gelu_tanh(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "relu2": relu2,
    "gelu": F.gelu,
    "gelu_tanh": _gelu_tanh,
    "silu": F.silu,
    "linear": lambda x: x,
}


def new_norm(config: ModelConfig, *, gain: bool = True) -> nn.Module:
    """RMSNorm (Zhang & Sennrich 2019) or LayerNorm (Ba et al. 2016) over the width."""
    if config.norm == "rms":
        return RMSNorm(config.width, eps=config.norm_eps, elementwise_affine=gain)
    return nn.LayerNorm(config.width, eps=config.norm_eps, elementwise_affine=gain, bias=config.bias)


class LayerCache:
    """Keys and values that one layer has seen: its part (B, 2K, capacity, H) of a :class:`Cache`."""

    key_values: Tensor

    def __init__(self) -> None:
        self.memory: tuple[Tensor, Tensor] | None = None
        """Keys and values of the encoder's output, computed at the first step."""

    @property
    def keys(self) -> Tensor:
        """(B, K, capacity, H)."""
        return self.key_values[:, : self.key_values.shape[1] // 2]

    @property
    def values(self) -> Tensor:
        """(B, K, capacity, H)."""
        return self.key_values[:, self.key_values.shape[1] // 2 :]

    def extend(self, k_BKTH: Tensor, v_BKTH: Tensor, start: int) -> tuple[Tensor, Tensor]:
        """Write positions ``start .. start + T``; returns all keys and values up to there (views)."""
        stop = start + k_BKTH.shape[2]
        self.keys[:, :, start:stop] = k_BKTH
        self.values[:, :, start:stop] = v_BKTH
        return self.keys[:, :, :stop], self.values[:, :, :stop]


class Cache:
    """Keys and values of the tokens so far: one :class:`LayerCache` a layer.

    All stand in one tensor (layers, B, 2K, capacity, H), allocated once.
    """

    def __init__(self, config: ModelConfig, batch: int, capacity: int, like: Tensor) -> None:
        layers = config.decoder_layers or config.layers
        self.layers = [LayerCache() for _ in range(layers)]
        self._hold(like.new_zeros(layers, batch, 2 * config.groups, capacity, config.width_of_head))
        self.length = 0

    def _hold(self, all_LBCSH: Tensor) -> None:
        self.all_LBCSH = all_LBCSH
        for layer, part in zip(self.layers, all_LBCSH, strict=True):
            layer.key_values = part

    def reorder(self, rows_B: Tensor) -> None:
        """Row ``b`` becomes a copy of row ``rows_B[b]``; there may be more rows than before."""
        self._hold(self.all_LBCSH[:, rows_B])
        for layer in self.layers:
            if layer.memory is not None:
                layer.memory = (layer.memory[0][rows_B], layer.memory[1][rows_B])

    def copy_rows(self, rows_B: Tensor, first: int, since: int) -> None:
        """The rows from ``first`` on become copies of ``rows_B``, as beam search asks for.

        All these are known to agree before position ``since``, and to share their encoder's output: nothing
        is copied that is the same already.
        """
        seen = self.all_LBCSH[:, :, :, since : self.length]
        seen[:, first : first + len(rows_B)] = seen[:, rows_B]


class Attention(nn.Module):
    """Multi-head attention (Vaswani et al. 2017): over the input itself, or over an encoder's output."""

    def __init__(self, config: ModelConfig, *, cross: bool = False) -> None:
        super().__init__()
        self.heads, self.groups, self.scale = config.heads, config.groups, config.scale
        head = config.width_of_head
        self.sizes = [config.heads * head, config.groups * head, config.groups * head]
        # One product for queries, keys and values; over another sequence, queries have one of their own.
        if cross:
            self.query = nn.Linear(config.width, self.sizes[0], bias=config.bias)
            self.key_value = nn.Linear(config.width, sum(self.sizes[1:]), bias=config.bias)
        else:
            self.query_key_value = nn.Linear(config.width, sum(self.sizes), bias=config.bias)
        self.output = nn.Linear(self.sizes[0], config.width, bias=config.bias)
        self.query_norm: RMSNorm | None = None
        self.key_norm: RMSNorm | None = None
        if config.query_key_norm:
            self.query_norm = RMSNorm(head, eps=config.norm_eps)
            self.key_norm = RMSNorm(head, eps=config.norm_eps)

    def _split(self, x_BTC: Tensor, heads: int) -> Tensor:
        return x_BTC.unflatten(-1, (heads, -1)).transpose(1, 2)

    def forward(
        self,
        x_BTD: Tensor,
        mask: Tensor | None = None,
        *,
        causal: bool = False,
        rotation: Rotation | None = None,
        cache: LayerCache | None = None,
        start: int = 0,
    ) -> Tensor:
        """Attend to the input and to what ``cache`` holds of the positions before ``start``.

        ``mask`` is broadcast to (B, N, T, S): true where attention is allowed, or floats added to the scores.
        ``causal`` says that a position sees those up to itself, where no mask says so.
        """
        queries, keys, values = self.sizes
        qk, v = self.query_key_value(x_BTD).split([queries + keys, values], dim=-1)
        # Heads of queries and of keys go through norm and rotation together.
        qk_BTMH = qk.unflatten(-1, (self.heads + self.groups, -1))
        if self.query_norm is not None and self.key_norm is not None:
            gains = (
                self.query_norm.weight.expand(self.heads, -1),
                self.key_norm.weight.expand(self.groups, -1),
            )
            qk_BTMH = rms_norm(qk_BTMH, torch.cat(gains), self.query_norm.epsilon)
        if rotation is not None:
            qk_BTMH = rotate(qk_BTMH, *rotation)
        q_BNTH, k_BKTH = qk_BTMH.transpose(1, 2).split([self.heads, self.groups], dim=1)
        v_BKTH = self._split(v, self.groups)
        if cache is not None:
            k_BKTH, v_BKTH = cache.extend(k_BKTH, v_BKTH, start)
        return self._attend(q_BNTH, k_BKTH, v_BKTH, mask, causal)

    def over(
        self, x_BTD: Tensor, memory_BSD: Tensor, mask: Tensor | None, cache: LayerCache | None
    ) -> Tensor:
        """Attend to an encoder's output, whose keys and values are computed once and kept in ``cache``."""
        if cache is not None and cache.memory is not None:
            k_BKSH, v_BKSH = cache.memory
        else:
            k, v = self.key_value(memory_BSD).chunk(2, dim=-1)
            k_BKSH, v_BKSH = self._split(k, self.groups), self._split(v, self.groups)
            if cache is not None:
                cache.memory = (k_BKSH, v_BKSH)
        return self._attend(self._split(self.query(x_BTD), self.heads), k_BKSH, v_BKSH, mask, False)

    def _attend(
        self, q_BNTH: Tensor, k_BKSH: Tensor, v_BKSH: Tensor, mask: Tensor | None, causal: bool
    ) -> Tensor:
        causal = causal and mask is None and q_BNTH.shape[2] > 1
        if by_products(q_BNTH, k_BKSH):
            if causal:
                length = q_BNTH.shape[2]
                mask = q_BNTH.new_full((length, length), -torch.inf).triu_(1)
            same = self.heads // self.groups
            if same > 1:
                k_BKSH, v_BKSH = (x.repeat_interleave(same, 1) for x in (k_BKSH, v_BKSH))
            y_BNTH = attention(q_BNTH, k_BKSH, v_BKSH, mask, self.scale or q_BNTH.shape[-1] ** -0.5)
        else:
            y_BNTH = F.scaled_dot_product_attention(
                q_BNTH,
                k_BKSH,
                v_BKSH,
                attn_mask=mask,
                is_causal=causal,
                scale=self.scale,
                enable_gqa=self.groups != self.heads,
            )
        return self.output(y_BNTH.transpose(1, 2).flatten(2))


def by_products(q_BNTH: Tensor, k_BKSH: Tensor) -> bool:
    """Whether attention goes by plain products: where that is faster than torch's fused kernel."""
    return (
        q_BNTH.dtype == torch.bfloat16
        and q_BNTH.device.type == "cpu"
        and q_BNTH.shape[2] * k_BKSH.shape[2] <= MOST_SCORES
    )


class FeedForward(nn.Module):
    """Position-wise: ``output(activation(input(x)))``, or gated, ``output(activation(gate) * value)``."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gated, width = config.gated, config.intermediate_width
        self.activation = ACTIVATIONS[config.activation]
        # The gate's rows stand first.
        self.input = nn.Linear(config.width, 2 * width if self.gated else width, bias=config.bias)
        self.output = nn.Linear(width, config.width, bias=config.bias)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        h = self.input(x_BTD)
        if self.gated:
            gate, value = h.chunk(2, dim=-1)
            return self.output(self.activation(gate) * value)
        return self.output(self.activation(h))


class Block(nn.Module):
    """Self-attention, attention to an encoder's output where there is one, feed-forward.

    Each is added to the residual stream, and normalised before (pre-norm) or with it after (post-norm).
    """

    def __init__(self, config: ModelConfig, *, cross: bool = False, first_norm: bool = True) -> None:
        super().__init__()
        self.post_norm = config.post_norm
        self.attention = Attention(config)
        self.attention_norm = new_norm(config) if first_norm else nn.Identity()
        self.cross_attention = Attention(config, cross=True) if cross else None
        self.cross_norm = new_norm(config) if cross else None
        self.feed_forward = FeedForward(config)
        self.feed_forward_norm = new_norm(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        x_BTD: Tensor,
        mask: Tensor | None = None,
        *,
        causal: bool = False,
        rotation: Rotation | None = None,
        memory_BSD: Tensor | None = None,
        memory_mask: Tensor | None = None,
        cache: LayerCache | None = None,
        start: int = 0,
    ) -> Tensor:
        """(B, T, D) -> (B, T, D); the arguments are those of :class:`Attention`."""

        def attend(x_BTD: Tensor) -> Tensor:
            return self.attention(x_BTD, mask, causal=causal, rotation=rotation, cache=cache, start=start)

        x_BTD = self._add(x_BTD, attend, self.attention_norm)
        if self.cross_attention is not None and memory_BSD is not None:
            cross = self.cross_attention
            x_BTD = self._add(x_BTD, lambda x: cross.over(x, memory_BSD, memory_mask, cache), self.cross_norm)
        return self._add(x_BTD, self.feed_forward, self.feed_forward_norm)

    def _add(self, x_BTD: Tensor, layer: Callable[[Tensor], Tensor], norm: nn.Module | None) -> Tensor:
        assert norm is not None
        if self.post_norm:
            return norm(x_BTD + self.dropout(layer(x_BTD)))
        return x_BTD + self.dropout(layer(norm(x_BTD)))
