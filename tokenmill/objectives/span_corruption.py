"""Span corruption: spans become sentinels, and the decoder predicts them (T5, Raffel et al. 2020)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from tokenmill.core.errors import UserError
from tokenmill.objectives.examples import IGNORE_INDEX, Examples
from tokenmill.objectives.objective import Objective, RowShape
from tokenmill.objectives.runs import is_text, previous
from tokenmill.text.special import SpecialTokens


@dataclass(frozen=True)
class SpanCorruption(Objective):
    """Predict hidden spans, each behind its sentinel."""

    noise_density: float = 0.15
    """Share of tokens that is hidden."""
    mean_noise_span_length: float = 3.0
    """Mean length of a hidden span in tokens."""

    def row_tokens(self, context: int) -> int:
        """Those that corrupt to as many encoder inputs as the context."""
        return self._lengths(context)[0]

    def row_shape(self, context: int) -> RowShape:
        """Encoder and decoder, every position of which predicts."""
        answer = self._lengths(context)[1]
        return RowShape(answer, context, answer)

    def _lengths(self, context: int) -> tuple[int, int]:
        return span_lengths(
            context,
            noise_density=self.noise_density,
            mean_noise_span_length=self.mean_noise_span_length,
        )

    def examples(self, rows_BL: Tensor, *, vocab_size: int, generator: torch.Generator) -> Examples:
        """(B, L) -> source (B, S), decoder inputs (B, T), labels (B, T)."""
        source_BS, labels_BT = span_corruption(
            rows_BL,
            noise_density=self.noise_density,
            mean_noise_span_length=self.mean_noise_span_length,
            special=self.special,
            generator=generator,
        )
        inputs_BT = shift_right(labels_BT, start_id=self.special.pad)
        return Examples(inputs_BT, labels_BT, source_BS=source_BS)


def new_objective(
    settings: Mapping[str, Any], tokenizer: Tokenizer, special: SpecialTokens
) -> SpanCorruption:
    """The objective of an entry of ``pretrain``.

    Raises:
        UserError: the tokenizer has no sentinels.
    """
    if not special.sentinels:
        raise UserError(
            "span corruption needs a tokenizer with sentinels, and this one has none; "
            "use one that `dvc repro tokenize` trained, or T5's"
        )
    return SpanCorruption(
        special,
        noise_density=settings["noise_density"],
        mean_noise_span_length=settings["mean_noise_span_length"],
    )


def span_counts(raw: int, noise_density: float, mean_noise_span_length: float) -> tuple[int, int]:
    """Hidden tokens and spans among ``raw`` tokens, as in T5 (Raffel et al. 2020)."""
    hidden = min(max(round(raw * noise_density), 1), raw - 1)
    return hidden, min(max(round(hidden / mean_noise_span_length), 1), raw - hidden)


def span_lengths(inputs: int, *, noise_density: float, mean_noise_span_length: float) -> tuple[int, int]:
    """Raw tokens that corrupt to ``inputs`` encoder inputs, and the length of the labels, as in T5.

    The lengths include the <eos> at either end: 512 inputs at a noise density of 0.15 and a mean span of 3
    come from 568 raw tokens and go with 114 labels. At densities of a half and more, the raw tokens may
    corrupt to less.

    Raises:
        UserError: the numbers cannot be.
    """
    if not (0 < noise_density < 1 and mean_noise_span_length >= 1 and inputs >= 3):
        raise UserError(
            f"span corruption: noise_density must be between 0 and 1 ({noise_density}), "
            f"mean_noise_span_length at least 1 ({mean_noise_span_length}) "
            f"and the inputs at least 3 tokens ({inputs})"
        )

    def corrupted(raw: int) -> int:
        hidden, spans = span_counts(raw, noise_density, mean_noise_span_length)
        return raw - hidden + spans + 1

    # So many fit by arithmetic, whatever rounding does: hidden tokens, half a one less, leave; spans, half a
    # one more or one at least, and the <eos> come.
    left = 1 - noise_density + noise_density / mean_noise_span_length
    raw = max(2, int((inputs - 4) / left) - 1)
    while corrupted(raw + 1) <= inputs:
        raw += 1
    return raw, sum(span_counts(raw, noise_density, mean_noise_span_length)) + 1


def span_corruption(
    tokens_BL: Tensor,
    *,
    noise_density: float,
    mean_noise_span_length: float,
    special: SpecialTokens,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Replace spans by one sentinel each, and predict what stood there (T5, Raffel et al. 2020).

    Raw tokens (B, L) -> encoder inputs (B, I) and decoder labels (B, U), with lengths as
    :func:`span_lengths` gives them. The n-th span becomes ``special.sentinels[n]`` (in ascending order for
    our tokenizers, descending for T5's own); the labels hold each sentinel, followed by its span.

    Special tokens are never hidden: one that falls into a span stays in the inputs and divides the span. Each
    of these takes up to two places more, so that the end of the row may find no room and is left out on both
    sides; labels are IGNORE_INDEX after their <eos>. Rows without special tokens fill both sides exactly.

    Raises:
        UserError: there are more spans than sentinels.
    """
    sentinels = special.sentinels
    batch, length = tokens_BL.shape
    budget, spans = span_counts(length, noise_density, mean_noise_span_length)
    if spans > len(sentinels):
        raise UserError(
            f"span corruption: {length} tokens make {spans} spans, and there are {len(sentinels)} "
            "sentinels; use longer spans or shorter rows"
        )
    room, labels_room = length - budget + spans, budget + spans  # without <eos>

    hidden_BL = _noise(batch, length, budget, spans, generator) & is_text(tokens_BL, special.ids)
    number_BL = (hidden_BL & ~previous(hidden_BL)).long().cumsum(1) - 1
    hidden_BL &= number_BL < len(sentinels)
    first_BL = hidden_BL & ~previous(hidden_BL)
    sentinels_BL = torch.tensor(sentinels)[number_BL.clamp(0, len(sentinels) - 1)]

    # Hidden tokens get the place of their sentinel, so that they go with it where there is no room left.
    place_BL = (first_BL | ~hidden_BL).long().cumsum(1) - 1
    fits_BL = place_BL < room
    shown_BL = fits_BL & (first_BL | ~hidden_BL)
    inputs_BI = tokens_BL.new_empty(batch, room + 1)
    values_BL = torch.where(first_BL, sentinels_BL, tokens_BL)
    inputs_BI.scatter_(1, torch.where(shown_BL, place_BL, room), values_BL)
    inputs_BI[:, room] = special.eos

    hidden_BL &= fits_BL
    first_BL &= fits_BL
    place_BL = hidden_BL.long().cumsum(1) + number_BL  # each sentinel before it moves a token by one
    end_B1 = (hidden_BL.sum(1) + first_BL.sum(1)).unsqueeze(1)
    labels_BU = tokens_BL.new_full((batch, labels_room + 2), IGNORE_INDEX)
    beyond = labels_room + 1  # one column more takes what goes nowhere
    labels_BU.scatter_(1, torch.where(hidden_BL, place_BL, beyond), tokens_BL)
    labels_BU.scatter_(1, torch.where(first_BL, place_BL - 1, beyond), sentinels_BL)
    labels_BU.scatter_(1, end_B1, special.eos)
    return inputs_BI, labels_BU[:, :beyond]


def _noise(batch: int, length: int, budget: int, spans: int, generator: torch.Generator) -> Tensor:
    """Which positions (B, L) are hidden: as many as ``budget``, in ``spans`` that do not touch.

    Every division into spans is equally likely, as in T5, and so is every way to place them. (T5's first code
    ended each row with a span; its later option ``random_roll`` gave that up.)
    """
    hidden_BK = _division(batch, budget, spans, generator)
    visible_BK = _division(batch, length - budget + 2, spans + 1, generator)
    visible_BK[:, 0] -= 1  # visible stretches at the ends of a row may be empty
    borders_BK = torch.stack((visible_BK[:, :-1], hidden_BK), 2).flatten(1).cumsum(1)
    edges_BL = torch.zeros(batch, length + 1, dtype=torch.long).scatter_(1, borders_BK, 1)
    return edges_BL[:, :length].cumsum(1) % 2 == 1


def _division(batch: int, total: int, parts: int, generator: torch.Generator) -> Tensor:
    """Lengths (B, parts), each at least 1, that add up to ``total``."""
    cuts = torch.rand(batch, total - 1, generator=generator).argsort(1)[:, : parts - 1].sort(1).values + 1
    ends = torch.full((batch, 1), total)
    return torch.cat((cuts, ends), 1).diff(prepend=torch.zeros_like(ends), dim=1)


def shift_right(labels_BU: Tensor, *, start_id: int) -> Tensor:
    """Decoder inputs (B, U) for labels (B, U): ``start_id`` (T5: <pad>), then each target but the last."""
    inputs_BU = labels_BU.roll(1, dims=1)
    inputs_BU[:, 0] = start_id
    return inputs_BU.masked_fill(inputs_BU == IGNORE_INDEX, start_id)
