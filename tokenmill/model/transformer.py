"""The backbone of every family: embeddings, a stack of blocks or two, hidden states out.

An encoder sees both ways (BERT), a decoder only back (GPT); a text-to-text model has both, and its decoder
attends to the encoder's output (T5). Shape suffixes: tokenmill/model/layers.py.
"""

import torch
from torch import Tensor, nn

from tokenmill.model.config import ModelConfig
from tokenmill.model.layers import Attention, Block, Cache, FeedForward, new_norm
from tokenmill.model.positions import RelativeBias, Rotary, Rotation, sinusoids


class Embeddings(nn.Module):
    """Token ids to vectors, with positions and segments where the family adds them here."""

    sinusoids: Tensor | None

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.scale = config.embedding_scale
        self.token = nn.Embedding(config.vocab_size, config.width)
        self.position = nn.Embedding(config.context, config.width) if config.positions == "learned" else None
        self.segment = nn.Embedding(config.segments, config.width) if config.segments else None
        table = sinusoids(config.context, config.width) if config.positions == "sinusoidal" else None
        self.register_buffer("sinusoids", table, persistent=False)
        self.norm: nn.Module | None = None
        if config.embedding_norm != "none":
            self.norm = new_norm(config, gain=config.embedding_norm == "gain")
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, tokens_BT: Tensor, positions: slice | Tensor, segments_BT: Tensor | None) -> Tensor:
        """(B, T) ids at ``positions`` -> (B, T, D); without ``segments`` all is of segment 0."""
        x_BTD = self.token(tokens_BT)
        if self.scale != 1:
            x_BTD = x_BTD * self.scale
        if self.position is not None:
            x_BTD = x_BTD + self.position.weight[positions]
        if self.sinusoids is not None:
            x_BTD = x_BTD + self.sinusoids[positions]
        if self.segment is not None:
            x_BTD = x_BTD + self.segment(torch.zeros_like(tokens_BT) if segments_BT is None else segments_BT)
        if self.norm is not None:
            x_BTD = self.norm(x_BTD)
        return self.dropout(x_BTD)


class Stack(nn.Module):
    """Blocks one after the other, and the last norm."""

    def __init__(self, config: ModelConfig, layers: int, *, causal: bool, cross: bool = False) -> None:
        super().__init__()
        self.config, self.causal = config, causal
        self.blocks = nn.ModuleList(
            Block(config, cross=cross, first_norm=config.first_norm or layer > 0) for layer in range(layers)
        )
        self.final_norm = new_norm(config) if config.final_norm else nn.Identity()
        head, context = config.width_of_head, config.context
        self.rotary: nn.ModuleDict | None = None
        if config.positions == "rotary":
            self.rotary = nn.ModuleDict({"global": Rotary(head, context, config.rotary_base)})
            if config.window:
                base = config.local_rotary_base or config.rotary_base
                self.rotary["local"] = Rotary(head, context, base)
        self.relative: RelativeBias | None = None
        if config.positions == "relative":
            self.relative = RelativeBias(
                config.heads,
                buckets=config.relative_buckets,
                farthest=config.relative_distance,
                causal=causal,
            )

    def forward(
        self,
        x_BTD: Tensor,
        positions: slice | Tensor,
        attention_mask_BS: Tensor | None = None,
        *,
        mask_BTS: Tensor | None = None,
        memory_BSD: Tensor | None = None,
        memory_attention_mask_BS: Tensor | None = None,
        cache: Cache | None = None,
    ) -> Tensor:
        """Hidden states (B, T, D). Arguments: :meth:`Transformer.decode` and :meth:`Transformer.encode`."""
        start = cache.length if cache is not None else 0
        stop = start + x_BTD.shape[1]
        masks = {
            reach: self._mask(start, stop, attention_mask_BS, mask_BTS, reach, x_BTD)
            for reach in self._reaches
        }
        rotations: dict[str, Rotation] = (
            {} if self.rotary is None else {name: rotary(positions) for name, rotary in self.rotary.items()}
        )
        memory_mask = None if memory_attention_mask_BS is None else memory_attention_mask_BS[:, None, None, :]
        for layer, block in enumerate(self.blocks):
            reach = self.config.window_of(layer)
            x_BTD = block(
                x_BTD,
                masks[reach],
                causal=self.causal,
                rotation=rotations.get("local" if reach else "global"),
                memory_BSD=memory_BSD,
                memory_mask=memory_mask,
                cache=None if cache is None else cache.layers[layer],
                start=start,
            )
        if cache is not None:
            cache.length = stop
        return self.final_norm(x_BTD)

    @property
    def _reaches(self) -> set[int]:
        return {self.config.window_of(layer) for layer in range(len(self.blocks))}

    def _mask(
        self,
        start: int,
        stop: int,
        attention_mask_BS: Tensor | None,
        mask_BTS: Tensor | None,
        reach: int,
        like: Tensor,
    ) -> Tensor | None:
        """The mask for attention of positions ``start .. stop`` to ``0 .. stop``; None where "all" or "all
        before" says it, which kernels do faster without."""
        allowed = None if attention_mask_BS is None else attention_mask_BS[:, None, None, :]
        if mask_BTS is not None:
            allowed = mask_BTS[:, None] if allowed is None else allowed & mask_BTS[:, None]
        elif self.causal and stop - start > 1 and (allowed is not None or start or reach or self.relative):
            before = like.new_ones(stop - start, stop, dtype=torch.bool).tril(start)
            allowed = before if allowed is None else allowed & before
        if reach:
            place = torch.arange(stop, device=like.device)
            near = (place[None, :] - place[start:, None]).abs() <= reach
            allowed = near if allowed is None else allowed & near
        if self.relative is None:
            return allowed
        bias = self.relative(start, stop)
        return bias if allowed is None else bias.masked_fill(~allowed, -torch.inf)


class Transformer(nn.Module):
    """Token embeddings and an encoder, a decoder, or both."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        both = config.decoder_layers > 0
        self.embeddings = Embeddings(config)
        self.encoder = Stack(config, config.layers, causal=False) if both or not config.causal else None
        self.decoder: Stack | None = None
        if both or config.causal:
            self.decoder = Stack(config, config.decoder_layers or config.layers, causal=True, cross=both)
        initialise(self, config)

    def forward(
        self,
        tokens_BT: Tensor,
        attention_mask_BT: Tensor | None = None,
        *,
        segments_BT: Tensor | None = None,
        mask_BTS: Tensor | None = None,
    ) -> Tensor:
        """Hidden states (B, T, D) of an encoder or a decoder that stands alone, each in its own way."""
        if self.encoder is not None:
            return self.encode(tokens_BT, attention_mask_BT, segments_BT=segments_BT, mask_BTS=mask_BTS)
        return self.decode(tokens_BT, attention_mask_BT, segments_BT=segments_BT, mask_BTS=mask_BTS)

    def encode(
        self,
        tokens_BT: Tensor,
        attention_mask_BT: Tensor | None = None,
        *,
        segments_BT: Tensor | None = None,
        mask_BTS: Tensor | None = None,
    ) -> Tensor:
        """Hidden states (B, T, D) in the light of the whole row, or of what ``mask`` allows.

        ``attention_mask`` is false at padding.
        """
        assert self.encoder is not None
        positions = slice(0, tokens_BT.shape[1])
        embedded = self.embeddings(tokens_BT, positions, segments_BT)
        return self.encoder(embedded, positions, attention_mask_BT, mask_BTS=mask_BTS)

    def decode(
        self,
        tokens_BT: Tensor,
        attention_mask_BS: Tensor | None = None,
        *,
        memory_BSD: Tensor | None = None,
        memory_attention_mask_BS: Tensor | None = None,
        cache: Cache | None = None,
        segments_BT: Tensor | None = None,
        mask_BTS: Tensor | None = None,
    ) -> Tensor:
        """Hidden states (B, T, D) of tokens after those in ``cache``, each in the light of those before.

        Args:
            tokens_BT: the new tokens.
            attention_mask_BS: false at padding, for the cached tokens and the new ones. A row's positions
                count from its first token on, so that prompts of unequal length are padded on the left.
            memory_BSD: an encoder's output, with its own ``memory_attention_mask_BS``.
            cache: is extended by the new tokens.
            segments_BT: kinds of segments, where the family has them.
            mask_BTS: true where attention is allowed, in place of "all before" (a prefix that sees itself).
        """
        assert self.decoder is not None
        start = cache.length if cache is not None else 0
        positions: slice | Tensor = slice(start, start + tokens_BT.shape[1])
        if attention_mask_BS is not None:
            positions = (attention_mask_BS.long().cumsum(1) - 1).clamp(min=0)[:, start:]
        return self.decoder(
            self.embeddings(tokens_BT, positions, segments_BT),
            positions,
            attention_mask_BS,
            mask_BTS=mask_BTS,
            memory_BSD=memory_BSD,
            memory_attention_mask_BS=memory_attention_mask_BS,
            cache=cache,
        )

    def new_cache(self, batch: int, capacity: int) -> Cache:
        """An empty cache for ``batch`` rows of at most ``capacity`` tokens."""
        return Cache(self.config, batch, capacity, self.embeddings.token.weight.detach())


def initialise(backbone: nn.Module, config: ModelConfig) -> None:
    """Draw the weights from torch's random state; one recipe for all families.

    Matrices are normal with a deviation of 1/sqrt(inputs), so that a layer keeps its input's scale, and each
    sub-layer begins by adding nothing, so that early gradients are those of a shallow model.
    """
    for module in backbone.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            # Tied with the output layer: small, so that the first predictions are close to uniform.
            nn.init.normal_(module.weight, std=0.02 / config.embedding_scale)
    for module in backbone.modules():
        if isinstance(module, Attention):
            if config.attention_scale:  # scores start at the deviation that scaling would give them
                rows = (module.query if hasattr(module, "query") else module.query_key_value).weight
                with torch.no_grad():
                    rows[: module.sizes[0]] *= config.width_of_head**-0.5 / config.attention_scale
            nn.init.zeros_(module.output.weight)
        elif isinstance(module, FeedForward):
            nn.init.zeros_(module.output.weight)
        elif isinstance(module, RelativeBias):
            nn.init.zeros_(module.table.weight)
