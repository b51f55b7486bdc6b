"""Training objectives: pure functions from token ids to inputs and targets.

Every random choice comes from the generator that is handed in: seeded by (seed, step), a step's batch is the
same each time.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from tokenmill.core.errors import UserError

IGNORE = -100
"""Target at positions that do not count; ``cross_entropy`` skips it."""

SPAN_P, LONGEST_SPAN = 0.2, 10
"""Lengths of masked spans: geometric, of at most 10 units, 3.8 on average (Joshi et al. 2020, SpanBERT)."""


def causal(tokens_BT1: Tensor) -> tuple[Tensor, Tensor]:
    """Predict each token from those before it: (B, T+1) -> inputs (B, T), targets (B, T)."""
    return tokens_BT1[:, :-1], tokens_BT1[:, 1:]


def document_mask(tokens_BT: Tensor, *, bos_id: int, causal: bool) -> Tensor:
    """Which positions a position sees (B, T, T): those of its own document, up to itself where ``causal``.

    A document begins at ``bos_id``.
    """
    document_BT = (tokens_BT == bos_id).cumsum(1)
    mask_BTS = document_BT[:, :, None] == document_BT[:, None, :]
    return mask_BTS.tril() if causal else mask_BTS


def prefix_lm(tokens_BT1: Tensor, *, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Predict what follows a prefix of random length that is seen in both directions (Raffel et al. 2020).

    (B, T+1) -> inputs (B, T), targets (B, T), prefix lengths (B), each from 1 to T with equal probability.

    Targets that lie within the prefix are IGNORE, since they are seen; the last token of the prefix predicts
    the first one after it.
    """
    inputs_BT, targets_BT = causal(tokens_BT1)
    batch, length = inputs_BT.shape
    prefix_B = torch.randint(1, length + 1, (batch,), generator=generator)
    seen_BT = torch.arange(length) < prefix_B[:, None] - 1
    return inputs_BT, targets_BT.masked_fill(seen_BT, IGNORE), prefix_B


def prefix_mask(prefix_B: Tensor, length: int) -> Tensor:
    """Where attention is allowed (B, T, T): to oneself, to all before, and to the whole prefix."""
    place_T = torch.arange(length, device=prefix_B.device)
    return (place_T <= place_T[:, None]) | (place_T < prefix_B[:, None, None])


def masked(
    tokens_BT: Tensor,
    *,
    share: float,
    mask_id: int,
    first_text_id: int,
    vocab_size: int,
    generator: torch.Generator,
    starts_word_BT: Tensor | None = None,
    spans: bool = False,
    always_mask: bool = False,
) -> tuple[Tensor, Tensor]:
    """Hide a share of the text tokens and predict them.

    Returns inputs (B, T) and targets (B, T), IGNORE where not hidden.

    Of the hidden ones 80% show ``mask_id``, 10% a random text token and 10% themselves (Devlin et al. 2019),
    or all of them ``mask_id`` with ``always_mask``, which does as well at high shares (Wettig et al. 2023).
    Special tokens (ids below ``first_text_id``) are never hidden.

    Tokens are hidden one by one; given ``starts_word`` (true where a word begins, see
    :func:`tokenmill.text.words.word_starts`) whole words are; with ``spans``, runs of tokens or of words are, whose
    lengths follow SPAN_P and LONGEST_SPAN, and a run shows masks, random tokens or itself as a whole
    (Joshi et al. 2020).

    Raises:
        UserError: ``share`` is not above 0 and at most 1, or 0.5 for spans, which are kept apart.
    """
    if not 0 < share <= (0.5 if spans else 1):
        most = "0.5 with spans" if spans else "1"
        raise UserError(f"the share of masked tokens must be above 0 and at most {most}, got {share}")
    text_BT = tokens_BT >= first_text_id
    starts_BT = None
    if starts_word_BT is not None:
        # A special token is a unit of its own, and ends the word before it.
        starts_BT = starts_word_BT | ~text_BT | ~_before(text_BT)
    if spans:
        hidden_BT = _in_spans(tokens_BT.shape, starts_BT, share, generator) & text_BT
    else:
        uniform_BT = torch.rand(tokens_BT.shape, generator=generator)
        if starts_BT is not None:
            uniform_BT = _from_first(uniform_BT, starts_BT)
        hidden_BT = (uniform_BT < share) & text_BT
    targets_BT = torch.where(hidden_BT, tokens_BT, IGNORE)
    if always_mask:
        return torch.where(hidden_BT, mask_id, tokens_BT), targets_BT
    how_BT = torch.rand(tokens_BT.shape, generator=generator)
    if spans:
        how_BT = _from_first(how_BT, hidden_BT & ~_before(hidden_BT))
    random_BT = torch.randint(first_text_id, vocab_size, tokens_BT.shape, generator=generator)
    inputs_BT = torch.where(hidden_BT & (how_BT < 0.8), mask_id, tokens_BT)
    inputs_BT = torch.where(hidden_BT & (how_BT >= 0.9), random_BT, inputs_BT)
    return inputs_BT, targets_BT


def _before(flags_BT: Tensor) -> Tensor:
    """For each position the flag of the position before it; false for the first."""
    return torch.nn.functional.pad(flags_BT[:, :-1], (1, 0))


def _from_first(values_BT: Tensor, starts_BT: Tensor) -> Tensor:
    """For each position the value at the first position of its unit."""
    positions_T = torch.arange(values_BT.shape[1])
    return values_BT.gather(1, torch.where(starts_BT, positions_T, 0).cummax(1).values)


def _in_spans(
    shape: torch.Size, starts_BT: Tensor | None, share: float, generator: torch.Generator
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
    budget_B1 = (share * units_B1).round().long().clamp(min=1)
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


def span_counts(raw: int, share: float, mean_span: float) -> tuple[int, int]:
    """Hidden tokens and spans among ``raw`` tokens, as in T5 (Raffel et al. 2020)."""
    hidden = min(max(round(raw * share), 1), raw - 1)
    return hidden, min(max(round(hidden / mean_span), 1), raw - hidden)


def span_lengths(inputs: int, *, share: float, mean_span: float) -> tuple[int, int]:
    """Raw tokens that corrupt to ``inputs`` encoder inputs, and the length of the targets, as in T5.

    The lengths include the <eos> at either end: 512 inputs at a share of 0.15 and a mean span of 3 come from
    568 raw tokens and go with 114 targets. At shares of a half and more, the raw tokens may corrupt to less.

    Raises:
        UserError: the numbers cannot be.
    """
    if not (0 < share < 1 and mean_span >= 1 and inputs >= 3):
        raise UserError(
            f"span corruption: the share must be between 0 and 1 ({share}), the mean span at least 1 "
            f"({mean_span}) and the inputs at least 3 tokens ({inputs})"
        )

    def corrupted(raw: int) -> int:
        hidden, spans = span_counts(raw, share, mean_span)
        return raw - hidden + spans + 1

    raw = 2
    while corrupted(raw + 1) <= inputs:
        raw += 1
    return raw, sum(span_counts(raw, share, mean_span)) + 1


def span_corruption(
    tokens_BL: Tensor,
    *,
    share: float,
    mean_span: float,
    sentinel_ids: Sequence[int],
    eos_id: int,
    first_text_id: int,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Replace spans by one sentinel each, and predict what stood there (T5, Raffel et al. 2020).

    Raw tokens (B, L) -> encoder inputs (B, I) and decoder targets (B, U), with lengths as
    :func:`span_lengths` gives them. The n-th span becomes ``sentinel_ids[n]`` (in ascending order for our
    tokenizers, descending for T5's own); the targets hold each sentinel, followed by its span.

    Special tokens (ids below ``first_text_id``) are never hidden: one that falls into a span stays in the
    inputs and divides the span. Each of these takes up to two places more, so that the end of the row may
    find no room and is left out on both sides; targets are IGNORE after their <eos>. Rows without special
    tokens fill both sides exactly.

    Raises:
        UserError: there are more spans than sentinels.
    """
    batch, length = tokens_BL.shape
    budget, spans = span_counts(length, share, mean_span)
    if spans > len(sentinel_ids):
        raise UserError(
            f"span corruption: {length} tokens make {spans} spans, and there are {len(sentinel_ids)} "
            "sentinels; use longer spans or shorter rows"
        )
    room, targets_room = length - budget + spans, budget + spans  # without <eos>

    hidden_BL = _noise(batch, length, budget, spans, generator) & (tokens_BL >= first_text_id)
    number_BL = (hidden_BL & ~_before(hidden_BL)).long().cumsum(1) - 1
    hidden_BL &= number_BL < len(sentinel_ids)
    first_BL = hidden_BL & ~_before(hidden_BL)
    sentinels_BL = torch.tensor(sentinel_ids)[number_BL.clamp(0, len(sentinel_ids) - 1)]

    # Hidden tokens get the place of their sentinel, so that they go with it where there is no room left.
    place_BL = (first_BL | ~hidden_BL).long().cumsum(1) - 1
    fits_BL = place_BL < room
    shown_BL = fits_BL & (first_BL | ~hidden_BL)
    inputs_BI = tokens_BL.new_empty(batch, room + 1)
    values_BL = torch.where(first_BL, sentinels_BL, tokens_BL)
    inputs_BI.scatter_(1, torch.where(shown_BL, place_BL, room), values_BL)
    inputs_BI[:, room] = eos_id

    hidden_BL &= fits_BL
    first_BL &= fits_BL
    place_BL = hidden_BL.long().cumsum(1) + number_BL  # each sentinel before it moves a token by one
    end_B1 = (hidden_BL.sum(1) + first_BL.sum(1)).unsqueeze(1)
    targets_BU = tokens_BL.new_full((batch, targets_room + 2), IGNORE)
    beyond = targets_room + 1  # one column more takes what goes nowhere
    targets_BU.scatter_(1, torch.where(hidden_BL, place_BL, beyond), tokens_BL)
    targets_BU.scatter_(1, torch.where(first_BL, place_BL - 1, beyond), sentinels_BL)
    targets_BU.scatter_(1, end_B1, eos_id)
    return inputs_BI, targets_BU[:, :beyond]


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


def shift_right(targets_BU: Tensor, *, start_id: int) -> Tensor:
    """Decoder inputs (B, U) for targets (B, U): ``start_id`` (T5: <pad>), then each target but the last."""
    inputs_BU = targets_BU.roll(1, dims=1)
    inputs_BU[:, 0] = start_id
    return inputs_BU.masked_fill(inputs_BU == IGNORE, start_id)
