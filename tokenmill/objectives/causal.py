"""Causal language modelling: each token is predicted from those before it (GPT, Radford et al. 2018)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from tokenmill.objectives.examples import Examples, document_mask
from tokenmill.objectives.middle import FillInTheMiddle, fill_in_the_middle
from tokenmill.objectives.objective import Objective, RowShape
from tokenmill.text.special import SpecialTokens


@dataclass(frozen=True)
class Causal(Objective):
    """Predict the next token."""

    isolated: bool = False
    """Documents of a row do not see each other."""
    middle: FillInTheMiddle | None = None
    """What is done to rows before, where the model is to fill gaps, too."""

    gives_text_probability = True

    def row_tokens(self, context: int) -> int:
        """One more than the context: the last is a label only."""
        return context + 1

    def tokens_used(self, context: int) -> int:
        """The last token of a row is the first one of the next."""
        return context

    def row_shape(self, context: int) -> RowShape:
        """Every position predicts."""
        return RowShape(context, 0, context)

    def examples(self, rows_BL: Tensor, *, vocab_size: int, generator: torch.Generator) -> Examples:
        """(B, T+1) -> inputs (B, T), labels (B, T)."""
        if self.middle is not None:
            rows_BL = self.middle.rows(rows_BL, generator)
        inputs_BT, labels_BT = next_tokens(rows_BL)
        mask_BTS = document_mask(inputs_BT, bos=self.special.bos, causal=True) if self.isolated else None
        return Examples(inputs_BT, labels_BT, mask_BTS=mask_BTS)


def next_tokens(tokens_BT1: Tensor) -> tuple[Tensor, Tensor]:
    """(B, T+1) -> inputs (B, T), labels (B, T): at each position the token after it."""
    return tokens_BT1[:, :-1], tokens_BT1[:, 1:]


def new_objective(settings: Mapping[str, Any], tokenizer: Tokenizer, special: SpecialTokens) -> Causal:
    """The objective of an entry of ``pretrain``.

    Raises:
        UserError: gaps are to be filled, and the tokenizer has no tokens for them.
    """
    rate = settings.get("fim_rate")
    middle = None if rate is None else fill_in_the_middle(rate, tokenizer, special)
    return Causal(special, isolated=settings["packing"] == "isolated", middle=middle)
