"""Masked language modelling: hidden tokens are predicted from both sides (BERT, Devlin et al. 2019)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from tokenmill.core.errors import UserError
from tokenmill.objectives.examples import IGNORE_INDEX, Examples, document_mask
from tokenmill.objectives.objective import Objective, RowShape
from tokenmill.objectives.runs import from_first, is_text, previous
from tokenmill.text.special import SpecialTokens
from tokenmill.text.words import WordEdges, word_edges, word_starts

SPAN_P, LONGEST_SPAN = 0.2, 10
"""Lengths of masked spans: geometric, of at most 10 units, 3.8 on average (Joshi et al. 2020, SpanBERT)."""


@dataclass(frozen=True)
class Masked(Objective):
    """Predict hidden tokens, words or spans."""

    mlm_probability: float = 0.15
    """Probability of a token to be hidden."""
    spans: bool = False
    """Runs of tokens are hidden."""
    edges: WordEdges | None = None
    """Of the tokenizer: whole words are hidden."""
    isolated: bool = False
    """Documents of a row do not see each other."""
    always_mask: bool = False
    """Every hidden token shows the mask; otherwise a tenth shows itself, and a tenth another token."""

    def row_tokens(self, context: int) -> int:
        """As many as the context."""
        return context

    def row_shape(self, context: int) -> RowShape:
        """The hidden positions predict."""
        return RowShape(context, 0, round(self.mlm_probability * context))

    def examples(self, rows_BL: Tensor, *, vocab_size: int, generator: torch.Generator) -> Examples:
        """(B, T) -> inputs (B, T), labels (B, T)."""
        starts_BT = None if self.edges is None else torch.from_numpy(word_starts(rows_BL.numpy(), self.edges))
        inputs_BT, labels_BT = masked(
            rows_BL,
            mlm_probability=self.mlm_probability,
            special=self.special,
            vocab_size=vocab_size,
            generator=generator,
            starts_word_BT=starts_BT,
            spans=self.spans,
            always_mask=self.always_mask,
        )
        mask_BTS = document_mask(rows_BL, bos=self.special.bos, causal=False) if self.isolated else None
        return Examples(inputs_BT, labels_BT, mask_BTS=mask_BTS)


def new_objective(settings: Mapping[str, Any], tokenizer: Tokenizer, special: SpecialTokens) -> Masked:
    """The objective of an entry of ``pretrain``.

    Raises:
        UserError: the tokenizer has no mask, or does not tell where words begin and whole ones are asked for.
    """
    if special.mask is None:
        raise UserError("the masked objective needs a tokenizer with a mask token, and this one has none")
    masking = settings["masking"]
    return Masked(
        special,
        mlm_probability=settings["mlm_probability"],
        spans=masking == "span",
        edges=word_edges(tokenizer) if masking == "whole_word" else None,
        isolated=settings["packing"] == "isolated",
    )


def masked(
    tokens_BT: Tensor,
    *,
    mlm_probability: float,
    special: SpecialTokens,
    vocab_size: int,
    generator: torch.Generator,
    starts_word_BT: Tensor | None = None,
    spans: bool = False,
    always_mask: bool = False,
) -> tuple[Tensor, Tensor]:
    """Hide each text token with a probability and predict the hidden ones.

    Returns inputs (B, T) and labels (B, T), IGNORE_INDEX where not hidden.

    Of the hidden ones 80% show the mask, 10% a random text token and 10% themselves (Devlin et al. 2019),
    or all of them the mask with ``always_mask``, which does as well at high shares (Wettig et al. 2023).
    Special tokens are never hidden.

    Tokens are hidden one by one; given ``starts_word`` (true where a word begins, see
    :func:`tokenmill.text.words.word_starts`) whole words are; with ``spans``, runs of tokens or of words are,
    whose lengths follow SPAN_P and LONGEST_SPAN, and a run shows masks, random tokens or itself as a whole
    (Joshi et al. 2020).

    Raises:
        UserError: the probability is not above 0 and at most 1, or 0.5 for spans, which do not touch.
    """
    if not 0 < mlm_probability <= (0.5 if spans else 1):
        most = "0.5 with spans" if spans else "1"
        raise UserError(f"mlm_probability must be above 0 and at most {most}, got {mlm_probability}")
    assert special.mask is not None
    text_BT = is_text(tokens_BT, special.ids)
    starts_BT = None
    if starts_word_BT is not None:
        # A special token is a unit of its own, and ends the word before it.
        starts_BT = starts_word_BT | ~text_BT | ~previous(text_BT)
    if spans:
        hidden_BT = _in_spans(tokens_BT.shape, starts_BT, mlm_probability, generator) & text_BT
    else:
        uniform_BT = torch.rand(tokens_BT.shape, generator=generator)
        if starts_BT is not None:
            uniform_BT = from_first(uniform_BT, starts_BT)
        hidden_BT = (uniform_BT < mlm_probability) & text_BT
    labels_BT = torch.where(hidden_BT, tokens_BT, IGNORE_INDEX)
    if always_mask:
        return torch.where(hidden_BT, special.mask, tokens_BT), labels_BT
    how_BT = torch.rand(tokens_BT.shape, generator=generator)
    if spans:
        how_BT = from_first(how_BT, hidden_BT & ~previous(hidden_BT))
    text_ids = is_text(torch.arange(vocab_size), special.ids).nonzero().squeeze(1)
    random_BT = text_ids[torch.randint(len(text_ids), tokens_BT.shape, generator=generator)]
    inputs_BT = torch.where(hidden_BT & (how_BT < 0.8), special.mask, tokens_BT)
    inputs_BT = torch.where(hidden_BT & (how_BT >= 0.9), random_BT, inputs_BT)
    return inputs_BT, labels_BT


def _in_spans(
    shape: torch.Size, starts_BT: Tensor | None, density: float, generator: torch.Generator
) -> Tensor:
    """Which positions (B, T) lie in spans that together hold a share of each row's units.

    Spans never touch each other, and every arrangement of their lengths in a row is equally likely. A row's
    last span is cut to what is left of the share.
    """
    batch, length = shape
    if starts_BT is None:
        unit_BT = torch.arange(length).expand(batch, length)
    else:
        unit_BT = starts_BT.long().cumsum(1).sub(1).clamp(min=0)
    units_B1 = unit_BT[:, -1:] + 1
    budget_B1 = (density * units_B1).round().long().clamp(min=1)
    most = int(budget_B1.max())  # spans: were each of them one unit long
    weights = (1 - SPAN_P) ** torch.arange(LONGEST_SPAN)
    drawn = torch.multinomial(weights, batch * most, replacement=True, generator=generator) + 1
    ends_BK = drawn.view(batch, most).cumsum(1).minimum(budget_B1)
    lengths_BK = ends_BK.diff(prepend=torch.zeros_like(budget_B1), dim=1)

    # A visible unit lies between any two spans: each span takes another of the places around visible units.
    order_BT = torch.rand(batch, length + 1, generator=generator)
    order_BT = order_BT.masked_fill(torch.arange(length + 1) > units_B1 - budget_B1, torch.inf)
    places_BK = order_BT.argsort(1)[:, :most].masked_fill(lengths_BK == 0, length).sort(1).values
    first_BK = (places_BK + ends_BK - lengths_BK).clamp(max=length)
    edges_BT = torch.zeros(batch, length + 1, dtype=torch.long)
    edges_BT.scatter_add_(1, first_BK, torch.ones_like(first_BK))
    edges_BT.scatter_add_(1, (first_BK + lengths_BK).clamp(max=length), -torch.ones_like(first_BK))
    return (edges_BT.cumsum(1) > 0).gather(1, unit_BT)
