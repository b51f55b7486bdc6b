"""Prefix language modelling: what follows a fully visible prefix is predicted (Raffel et al. 2020)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from tokenmill.objectives.causal import next_tokens
from tokenmill.objectives.examples import IGNORE_INDEX, Examples
from tokenmill.objectives.objective import Objective, RowShape
from tokenmill.text.special import SpecialTokens


@dataclass(frozen=True)
class Prefix(Objective):
    """Predict what follows a prefix of random length."""

    def row_tokens(self, context: int) -> int:
        """One more than the context: the last is a label only."""
        return context + 1

    def tokens_used(self, context: int) -> int:
        """The last token of a row is the first one of the next."""
        return context

    def row_shape(self, context: int) -> RowShape:
        """At the shortest prefix every position predicts."""
        return RowShape(context, 0, context)

    def examples(self, rows_BL: Tensor, *, vocab_size: int, generator: torch.Generator) -> Examples:
        """(B, T+1) -> inputs (B, T), labels (B, T), attention over the whole prefix."""
        inputs_BT, labels_BT, prefix_B = prefix_lm(rows_BL, generator=generator)
        return Examples(inputs_BT, labels_BT, mask_BTS=prefix_mask(prefix_B, inputs_BT.shape[1]))


def prefix_lm(tokens_BT1: Tensor, *, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """(B, T+1) -> inputs (B, T), labels (B, T), prefix lengths (B), each from 1 to T with equal probability.

    Labels that lie within the prefix are IGNORE_INDEX, since they are seen; the last token of the prefix
    predicts the first one after it.
    """
    inputs_BT, labels_BT = next_tokens(tokens_BT1)
    batch, length = inputs_BT.shape
    prefix_B = torch.randint(1, length + 1, (batch,), generator=generator)
    seen_BT = torch.arange(length) < prefix_B[:, None] - 1
    return inputs_BT, labels_BT.masked_fill(seen_BT, IGNORE_INDEX), prefix_B


def prefix_mask(prefix_B: Tensor, length: int) -> Tensor:
    """Where attention is allowed (B, T, T): to oneself, to all before, and to the whole prefix."""
    place_T = torch.arange(length, device=prefix_B.device)
    return (place_T <= place_T[:, None]) | (place_T < prefix_B[:, None, None])


def new_objective(settings: Mapping[str, Any], tokenizer: Tokenizer, special: SpecialTokens) -> Prefix:
    """The objective of an entry of ``pretrain``."""
    return Prefix(special)
