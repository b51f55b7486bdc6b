"""One new token for each row: the decoder's arithmetic on weights laid out for it.

:class:`tokenmill.model.transformer.Transformer` says what a model computes. For a single new position calling
its many small modules costs more than their arithmetic, so :class:`Step` does that arithmetic by itself;
tests hold the two equal. Shape suffixes: tokenmill/model/layers.py.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, cast
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tokenmill.model.heads import LanguageModel
from tokenmill.model.layers import ACTIVATIONS, Attention, Block, Cache, LayerCache
from tokenmill.model.lora import LoRALinear
from tokenmill.model.transformer import Stack, Transformer

Function = Callable[[Tensor], Tensor]
Linear = Callable[[Tensor, Tensor | None], Tensor]
"""What it gives is added to the second argument."""


class _Layer:
    """A :class:`tokenmill.model.layers.Block` taken apart, with its part of the cache."""

    def __init__(self, block: Block, cache: LayerCache, rows: int) -> None:
        attention, feed_forward, cross = block.attention, block.feed_forward, cast(Any, block.cross_attention)

        def linear(layer: nn.Linear) -> Linear:
            if isinstance(layer, LoRALinear):
                return _linear((layer.weight + layer.delta()).t(), layer.bias)
            return _linear(_transposed(layer, rows), layer.bias)

        self.attention_norm = _norm(block.attention_norm)
        self.query_key_value = linear(attention.query_key_value)
        self.query_key_norm = _query_key_norm(attention)
        self.output = linear(attention.output)
        self.key_values, self.keys, self.values = cache.key_values, cache.keys, cache.values
        self.cross = cross is not None
        if self.cross:
            assert cache.memory is not None
            self.memory = cache.memory
            self.cross_norm = _norm(cast(nn.Module, block.cross_norm))
            self.cross_query, self.cross_output = linear(cross.query), linear(cross.output)
        self.feed_forward_norm = _norm(block.feed_forward_norm)
        self.input, self.feed_forward_output = linear(feed_forward.input), linear(feed_forward.output)


class _Position(NamedTuple):
    """What all layers share about the new position."""

    place: int
    """In the cache."""
    rotation: tuple[Tensor, Tensor] | None
    """What queries and keys, and what these with their halves swapped, are multiplied with."""
    bias: Tensor | None
    """What is added to the scores (B, K, G, S) of the positions up to it."""


class Step:
    """The decoder for one new position in each row."""

    def __init__(
        self,
        model: LanguageModel,
        cache: Cache,
        capacity: int,
        attention_mask_BS: Tensor | None,
        memory_attention_mask_BS: Tensor | None,
    ) -> None:
        config = model.config
        backbone = cast(Transformer, model.backbone)
        decoder = cast(Stack, backbone.decoder)
        self.config, self.cache, self.embeddings = config, cache, backbone.embeddings
        self.batch = len(cache.layers[0].keys)
        self.layers = [
            _Layer(cast(Block, block), part, self.batch)
            for block, part in zip(decoder.blocks, cache.layers, strict=True)
        ]
        self.activation = ACTIVATIONS[config.activation]
        self.final_norm = _norm(decoder.final_norm)
        self.projection, output = model.projection, model.output
        holder = backbone.embeddings.token if output is None else output
        weight = holder.weight
        self.output = _linear(_transposed(holder, self.batch), model.output_bias)

        self.positions_BS = (
            None if attention_mask_BS is None else (attention_mask_BS.long().cumsum(1) - 1).clamp(min=0)
        )
        self.rotation: tuple[Tensor, Tensor] | None = None
        if decoder.rotary is not None:
            rotary = cast(Any, decoder.rotary["global"])
            # For x * cos + (x with its halves swapped) * sin.
            self.rotation = torch.cat((rotary.cos, rotary.cos), -1), torch.cat((-rotary.sin, rotary.sin), -1)
        # What is added to attention scores: relative positions, and -inf at padding.
        self.bias: Tensor | None = (
            None if attention_mask_BS is None else _absent(attention_mask_BS, weight.dtype)
        )
        if decoder.relative is not None:
            # It depends on the distance alone: what the last position adds serves for all.
            relative_1KGS = decoder.relative(capacity - 1, capacity).view(1, config.groups, -1, capacity)
            self.relative_1KGS: Tensor | None = relative_1KGS
        else:
            self.relative_1KGS = None
        self.memory_bias = (
            None if memory_attention_mask_BS is None else _absent(memory_attention_mask_BS, weight.dtype)
        )

    def __call__(self, tokens_B: Tensor) -> Tensor:
        """Logits (B, V) after the tokens, which go into the cache."""
        place = self.cache.length
        positions: slice | Tensor = slice(place, place + 1)
        if self.positions_BS is not None:
            positions = self.positions_BS[:, positions]
        x_BD = self.embeddings(tokens_B[:, None], positions, None)[:, 0]
        rotation = (
            None if self.rotation is None else (self.rotation[0][positions], self.rotation[1][positions])
        )
        position = _Position(place, rotation, self._bias(place + 1))
        for layer in self.layers:
            x_BD = self._block(layer, x_BD, position)
        self.cache.length = place + 1
        x_BD = self.final_norm(x_BD)
        if self.projection is not None:
            x_BD = self.projection(x_BD)
        if self.config.output_scale != 1:
            x_BD = x_BD * self.config.output_scale
        return self.output(x_BD, None).float()

    def _bias(self, stop: int) -> Tensor | None:
        """What is added to the scores (B, K, G, S) of the position before ``stop``."""
        absent = None if self.bias is None else self.bias[..., :stop]
        if self.relative_1KGS is None:
            return absent
        relative = self.relative_1KGS[..., -stop:]
        return relative if absent is None else relative + absent

    def _block(self, layer: _Layer, x_BD: Tensor, position: _Position) -> Tensor:
        post_norm = self.config.post_norm
        y_BC = self._attend(layer, x_BD if post_norm else layer.attention_norm(x_BD), position)
        x_BD = layer.output(y_BC, x_BD)
        if post_norm:
            x_BD = layer.attention_norm(x_BD)
        if layer.cross:
            q_BC = layer.cross_query(x_BD if post_norm else layer.cross_norm(x_BD), None)
            x_BD = layer.cross_output(self._weigh(q_BC, *layer.memory, self.memory_bias), x_BD)
            if post_norm:
                x_BD = layer.cross_norm(x_BD)
        h = layer.input(x_BD if post_norm else layer.feed_forward_norm(x_BD), None)
        if self.config.gated:
            gate, value = h.chunk(2, dim=-1)
            h = self.activation(gate) * value
        else:
            h = self.activation(h)
        x_BD = layer.feed_forward_output(h, x_BD)
        return layer.feed_forward_norm(x_BD) if post_norm else x_BD

    def _attend(self, layer: _Layer, x_BD: Tensor, position: _Position) -> Tensor:
        place, rotation, bias = position
        heads, groups = self.config.heads, self.config.groups
        qkv_BCH = layer.query_key_value(x_BD, None).view(self.batch, heads + 2 * groups, -1)
        qk_BCH = qkv_BCH[:, : heads + groups]
        if layer.query_key_norm is not None:
            layer.query_key_norm(qk_BCH)
        if rotation is not None:
            swapped = qk_BCH.roll(self.config.width_of_head // 2, -1)
            qk_BCH.mul_(rotation[0]).addcmul_(swapped, rotation[1])
        layer.key_values[:, :, place] = qkv_BCH[:, heads:]
        stop = place + 1
        return self._weigh(qkv_BCH[:, :heads], layer.keys[:, :, :stop], layer.values[:, :, :stop], bias)

    def _weigh(self, q: Tensor, k_BKSH: Tensor, v_BKSH: Tensor, bias: Tensor | None) -> Tensor:
        """Attention of one position to S. The G query heads that share a head of keys are its rows."""
        groups, width = k_BKSH.shape[1], k_BKSH.shape[3]
        y_BKGH = F.scaled_dot_product_attention(
            q.reshape(self.batch, groups, -1, width), k_BKSH, v_BKSH, attn_mask=bias, scale=self.config.scale
        )
        return y_BKGH.reshape(self.batch, -1)


def _absent(attention_mask_BS: Tensor, dtype: torch.dtype) -> Tensor:
    """0 where a token stands and -inf at padding, (B, 1, 1, S)."""
    absent = torch.zeros_like(attention_mask_BS, dtype=dtype).masked_fill(~attention_mask_BS, -torch.inf)
    return absent[:, None, None, :]


_TRANSPOSED: WeakKeyDictionary[nn.Module, tuple[tuple[int, int], Tensor]] = WeakKeyDictionary()
"""By layer: which state of its weight it is, and the weight transposed."""


def _transposed(layer: nn.Linear | nn.Embedding, rows: int) -> Tensor:
    """A layer's weight as (inputs, outputs).

    For several rows it is also laid out so in memory, with which matrix products on CPUs are nearly twice as
    fast; that copy is kept as long as the weight does not change. For one row it would not pay.
    """
    weight = layer.weight
    if rows == 1:
        return weight.t()
    if weight.is_inference():  # made in inference mode: nothing tells whether it has changed
        return weight.t().contiguous()
    state = (weight.data_ptr(), weight._version)
    if layer not in _TRANSPOSED or _TRANSPOSED[layer][0] != state:
        _TRANSPOSED[layer] = (state, weight.detach().t().contiguous())
    return _TRANSPOSED[layer][1]


def _linear(weight_IO: Tensor, bias: Tensor | None) -> Linear:
    """``x @ weight + bias``, added to a residual stream in the same kernel."""

    def plain(x: Tensor, to: Tensor | None) -> Tensor:
        return torch.mm(x, weight_IO) if to is None else torch.addmm(to, x, weight_IO)

    def biased(x: Tensor, to: Tensor | None) -> Tensor:
        assert bias is not None
        return torch.addmm(bias, x, weight_IO) if to is None else torch.addmm(to, x, weight_IO).add_(bias)

    return plain if bias is None else biased


def _norm(module: nn.Module) -> Function:
    if isinstance(module, nn.RMSNorm):
        return _rms_norm(module.weight, module.normalized_shape[-1], cast(float, module.eps))
    if isinstance(module, nn.LayerNorm):
        shape, weight, bias, eps = list(module.normalized_shape), module.weight, module.bias, module.eps
        return lambda x: F.layer_norm(x, shape, weight, bias, eps)
    return lambda x: x


def _rms_norm(weight: Tensor | None, width: int, eps: float, *, inplace: bool = False) -> Function:
    """x / sqrt(mean(x^2) + eps) * weight, with sums in place of means: fewer kernels than F.rms_norm has."""
    gain = torch.tensor(math.sqrt(width)) * (1 if weight is None else weight)
    least = gain.new_tensor(math.sqrt(width * eps))

    def norm(x: Tensor) -> Tensor:
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True).hypot_(least)
        return (x.div_(length) if inplace else x / length).mul_(gain)

    return norm


def _query_key_norm(attention: Attention) -> Function | None:
    """Both norms of (B, N + K, H) at once, in place."""
    if attention.query_norm is None or attention.key_norm is None:
        return None
    query, key = cast(nn.RMSNorm, attention.query_norm), cast(nn.RMSNorm, attention.key_norm)
    weight = torch.cat((query.weight.expand(attention.heads, -1), key.weight.expand(attention.groups, -1)))
    return _rms_norm(weight, weight.shape[-1], cast(float, query.eps), inplace=True)
