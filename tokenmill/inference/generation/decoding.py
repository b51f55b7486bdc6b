"""Incremental decoding: prompts are read once, then one more token a row at each step.

Shape suffixes: tokenmill/model/layers.py.
"""

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor

from tokenmill.inference.generation.step import Step
from tokenmill.model.heads import LanguageModel
from tokenmill.model.layers import Cache
from tokenmill.model.padding import pad_rows
from tokenmill.model.recurrent import RecurrentCache
from tokenmill.model.transformer import Transformer


class Decoding:
    """Rows that are being written: after the prompts, and after each step, the logits of what may follow.

    Args:
        model: a causal language model, or a text-to-text one.
        prompts: ids to continue, one row a prompt; at least one id each.
        new_tokens: at most so many are written.
        pad: any id, for the places where a shorter prompt has none.
        rows_per_prompt: rows that begin with each prompt, one after the other.
        sources: what a text-to-text model reads, one for each prompt.
    """

    logits_BV: Tensor

    def __init__(
        self,
        model: LanguageModel,
        prompts: Sequence[Sequence[int]],
        new_tokens: int,
        *,
        pad: int,
        rows_per_prompt: int = 1,
        sources: Sequence[Sequence[int]] | None = None,
    ) -> None:
        device = model.backbone.embeddings.token.weight.device
        self.start = max(len(prompt) for prompt in prompts)
        # Padded on the left, so that all prompts end where the first new token follows.
        tokens_BT, attention_mask_BT = (
            part.flip(1) for part in pad_rows([prompt[::-1] for prompt in prompts], pad)
        )
        self.attention_mask_BS: Tensor | None = None
        if not bool(attention_mask_BT.all()):
            new_BT = torch.ones(len(prompts), new_tokens, dtype=torch.bool)
            self.attention_mask_BS = torch.cat((attention_mask_BT, new_BT), dim=1).to(device)
        self.memory: dict[str, Tensor | None] = {}
        """What a text-to-text model's encoder says, as the decoder takes it."""
        if sources is not None:
            source_BS, source_attention_mask_BS = (part.to(device) for part in pad_rows(sources, pad))
            attention_mask = None if bool(source_attention_mask_BS.all()) else source_attention_mask_BS
            memory_BSD = model.transformer.encode(source_BS, attention_mask)
            self.memory = {"memory_BSD": memory_BSD, "memory_attention_mask_BS": attention_mask}
        self.model = model
        self.cache: Cache | RecurrentCache = model.new_cache(len(prompts), self.start + new_tokens)
        self.logits_BV = self._run(tokens_BT.to(device))
        if rows_per_prompt > 1:
            self._repeat(torch.arange(len(prompts), device=device).repeat_interleave(rows_per_prompt))
        self.fast: Step | None = None
        if isinstance(model.backbone, Transformer) and not model.config.window:
            attention_mask = self.memory.get("memory_attention_mask_BS")
            self.fast = Step(
                model,
                cast(Cache, self.cache),
                self.start + new_tokens,
                self.attention_mask_BS,
                attention_mask,
            )

    def _run(self, tokens_BT: Tensor) -> Tensor:
        """Logits (B, V) after new tokens, by the backbone."""
        attention_mask_BS = self.attention_mask_BS
        if attention_mask_BS is not None:
            attention_mask_BS = attention_mask_BS[:, : self.cache.length + tokens_BT.shape[1]]
        decode = cast(Callable[..., Tensor], self.model.backbone.decode)
        hidden_BTD = decode(tokens_BT, attention_mask_BS, cache=self.cache, **self.memory)
        return self.model.logits(hidden_BTD[:, -1]).float()

    def _repeat(self, rows_B: Tensor) -> None:
        self.cache.reorder(rows_B)
        self.logits_BV = self.logits_BV[rows_B]
        self.attention_mask_BS = None if self.attention_mask_BS is None else self.attention_mask_BS[rows_B]
        self.memory = {name: None if part is None else part[rows_B] for name, part in self.memory.items()}

    def step(self, tokens_B: Tensor) -> Tensor:
        """Take one token for each row; returns the logits (B, V) of the next."""
        self.logits_BV = self._run(tokens_B[:, None]) if self.fast is None else self.fast(tokens_B)
        return self.logits_BV

    def reorder(self, rows: Sequence[int], agree: Sequence[int]) -> None:
        """Row ``b`` becomes a copy of row ``rows[b]``, one of those of its prompt.

        ``agree`` says for each prompt how many new tokens all its rows have in common.
        """
        device = self.logits_BV.device
        if not isinstance(self.cache, Cache):
            self.cache.reorder(torch.tensor(rows, device=device))
            return
        size = len(rows) // len(agree)
        for prompt, common in enumerate(agree):
            first = prompt * size
            changed = [row for row in range(first, first + size) if rows[row] != row]
            if changed:  # often the best copy stays
                sources = rows[changed[0] : changed[-1] + 1]
                self.cache.copy_rows(torch.tensor(sources, device=device), changed[0], self.start + common)
