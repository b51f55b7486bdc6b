"""Objectives are pure functions with the published statistics."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tokenmill.core.errors import UserError
from tokenmill.objectives.corruption import (
    IGNORE,
    causal,
    masked,
    prefix_lm,
    prefix_mask,
    shift_right,
    span_corruption,
    span_counts,
    span_lengths,
)
from tokenmill.text.tokenizer import EOS, FIRST_TEXT_ID, MASK, SENTINEL_IDS

TEXT, VOCABULARY = FIRST_TEXT_ID, 8192
T5_SENTINELS = range(32099, 31999, -1)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def text(rows: int, length: int, seed: int = 0) -> Tensor:
    return torch.randint(TEXT, VOCABULARY, (rows, length), generator=seeded(seed))


def with_specials(rows: int, length: int, share: float, seed: int = 0) -> Tensor:
    """Text with <bos> and <eos> strewn in."""
    special = torch.rand(rows, length, generator=seeded(seed + 1000)) < share
    kind = torch.randint(2, 4, (rows, length), generator=seeded(seed + 1001))
    return torch.where(special, kind, text(rows, length, seed))


def mask(tokens: Tensor, seed: int = 1, share: float = 0.25, **how: Any) -> tuple[Tensor, Tensor]:
    return masked(
        tokens,
        share=share,
        mask_id=MASK,
        first_text_id=TEXT,
        vocab_size=VOCABULARY,
        generator=seeded(seed),
        **how,
    )


def run_starts(flags: Tensor) -> Tensor:
    return flags & ~torch.nn.functional.pad(flags[:, :-1], (1, 0))


def words(rows: int, length: int, seed: int = 5) -> Tensor:
    """Words of two tokens on average."""
    return torch.rand(rows, length, generator=seeded(seed)) < 0.5


WAYS: dict[str, dict[str, Any]] = {
    "tokens": {},
    "words": {"starts_word_BT": words(200, 500)},
    "spans": {"spans": True},
    "spans of words": {"spans": True, "starts_word_BT": words(200, 500)},
}


def test_causal_targets_are_the_next_tokens() -> None:
    inputs, targets = causal(torch.arange(12).view(2, 6))
    assert inputs.tolist() == [[0, 1, 2, 3, 4], [6, 7, 8, 9, 10]]
    assert targets.tolist() == [[1, 2, 3, 4, 5], [7, 8, 9, 10, 11]]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("share", [0.15, 0.3])
def test_masking_has_the_published_shares(way: str, share: float) -> None:
    tokens = text(200, 500)
    inputs, targets = mask(tokens, share=share, **WAYS[way])
    hidden = targets != IGNORE
    assert hidden.float().mean() == pytest.approx(share, abs=0.01)
    assert (inputs[hidden] == MASK).float().mean() == pytest.approx(0.8, abs=0.015)
    assert (inputs[hidden] == tokens[hidden]).float().mean() == pytest.approx(0.1, abs=0.015)
    assert torch.equal(targets[hidden], tokens[hidden])
    assert torch.equal(inputs[~hidden], tokens[~hidden])


@pytest.mark.parametrize("way", WAYS)
def test_always_masking_hides_the_same_tokens_behind_masks(way: str) -> None:
    tokens = text(200, 500)
    inputs, targets = mask(tokens, always_mask=True, **WAYS[way])
    assert torch.equal(targets, mask(tokens, **WAYS[way])[1])
    assert torch.equal(inputs, tokens.masked_fill(targets != IGNORE, MASK))


@pytest.mark.parametrize("way", ["words", "spans of words"])
def test_words_are_hidden_as_a_whole(way: str) -> None:
    starts = WAYS[way]["starts_word_BT"]
    hidden = mask(text(200, 500), **WAYS[way])[1] != IGNORE
    inside = ~starts[:, 1:]
    assert torch.equal(hidden[:, 1:][inside], hidden[:, :-1][inside])
    assert (hidden[:, 1:] != hidden[:, :-1]).any()


def test_spans_have_the_lengths_of_spanbert_and_are_replaced_as_a_whole() -> None:
    tokens = text(400, 512)
    inputs, targets = mask(tokens, share=0.15, spans=True)
    hidden = targets != IGNORE
    assert (hidden.sum(1) == round(0.15 * 512)).all()
    starts = run_starts(hidden)
    number = starts.flatten().long().cumsum(0)[hidden.flatten()] - 1
    lengths = number.bincount()
    assert lengths.min() >= 1 and lengths.max() == 10
    # 3.8 (Joshi et al. 2020) less what the cut at each row's share takes off.
    assert lengths.float().mean() == pytest.approx(3.7, abs=0.1)
    assert (lengths == 1).float().mean() / (lengths == 2).float().mean() == pytest.approx(1 / 0.8, rel=0.15)
    shown = inputs[hidden] == MASK
    masks = torch.zeros(len(lengths)).scatter_add(0, number, shown.float())
    assert ((masks == 0) | (masks == lengths)).all()
    # No place is preferred, but for the edges, which only one side's spans reach.
    by_place = hidden.float().mean(0)[10:-10].view(12, 41).mean(1)
    assert (by_place - 0.15).abs().max() < 0.02


@pytest.mark.parametrize("way", WAYS)
def test_special_tokens_are_never_hidden_nor_put_in(way: str) -> None:
    tokens = with_specials(200, 500, 0.1)
    inputs, targets = mask(tokens, share=0.5, **WAYS[way])
    special = tokens < TEXT
    assert (targets[special] == IGNORE).all()
    assert (targets[~special] != IGNORE).float().mean() == pytest.approx(0.5, abs=0.015)
    changed = inputs[inputs != tokens]
    assert ((changed == MASK) | (changed >= TEXT)).all()


@given(
    rows=st.integers(1, 4), length=st.integers(1, 40), share=st.floats(0.01, 0.5), seed=st.integers(0, 2**32)
)
def test_masking_takes_any_shape_and_gives_all_back(rows: int, length: int, share: float, seed: int) -> None:
    tokens = with_specials(rows, length, 0.2, seed)
    starts = words(rows, length, seed)
    for how in ({}, {"spans": True}, {"starts_word_BT": starts}, {"spans": True, "starts_word_BT": starts}):
        inputs, targets = mask(tokens, seed, share, **how)
        assert torch.equal(torch.where(targets == IGNORE, inputs, targets), tokens)
        assert torch.equal(inputs, mask(tokens, seed, share, **how)[0])


def test_masking_follows_from_its_generator_alone() -> None:
    tokens = text(4, 64)
    for how in ({}, {"spans": True}):
        torch.manual_seed(5)
        first = mask(tokens, **how)
        torch.manual_seed(6)
        assert all(torch.equal(a, b) for a, b in zip(first, mask(tokens, **how), strict=True))
        assert not torch.equal(first[0], mask(tokens, seed=2, **how)[0])


@pytest.mark.parametrize(("share", "spans"), [(0.0, False), (1.1, False), (0.6, True)])
def test_a_share_that_cannot_be_is_refused(share: float, spans: bool) -> None:
    with pytest.raises(UserError, match="the share of masked tokens must be above 0 and at most"):
        mask(text(1, 8), share=share, spans=spans)


def corrupt(
    tokens: Tensor, seed: int = 1, sentinels: range = SENTINEL_IDS, **how: float
) -> tuple[Tensor, Tensor]:
    settings = {"share": 0.15, "mean_span": 3.0, **how}
    return span_corruption(
        tokens, sentinel_ids=sentinels, eos_id=EOS, first_text_id=TEXT, generator=seeded(seed), **settings
    )


def restored(inputs: Tensor, targets: Tensor, sentinels: range = SENTINEL_IDS) -> list[int]:
    """The raw tokens of one row, put together again from both sides."""
    spans: dict[int, list[int]] = {}
    answer = targets[targets != IGNORE].tolist()
    assert inputs[-1] == EOS and answer.pop() == EOS
    for token in answer:
        if token in sentinels:
            current = spans.setdefault(token, [])
        else:
            current.append(token)
    assert list(spans) == list(sentinels[: len(spans)])
    return [raw for token in inputs[:-1].tolist() for raw in spans.get(token, [token])]


@pytest.mark.parametrize(
    ("inputs", "share", "mean_span", "raw", "targets"),
    # The first is what T5's compute_input_and_target_lengths gives for its pretraining.
    [(512, 0.15, 3.0, 568, 114), (128, 0.15, 3.0, 141, 29), (512, 0.15, 8.0, 588, 100)],
)
def test_lengths_are_those_of_t5(inputs: int, share: float, mean_span: float, raw: int, targets: int) -> None:
    assert span_lengths(inputs, share=share, mean_span=mean_span) == (raw, targets)


@pytest.mark.parametrize("sentinels", [SENTINEL_IDS, T5_SENTINELS])
def test_corruption_has_the_published_statistics(sentinels: range) -> None:
    raw, width = span_lengths(512, share=0.15, mean_span=3.0)
    tokens = text(200, raw)
    inputs, targets = corrupt(tokens, sentinels=sentinels)
    assert inputs.shape == (200, 512) and targets.shape == (200, width)
    assert (targets != IGNORE).all()
    gaps = torch.isin(inputs, torch.tensor(sentinels))
    assert (gaps.sum(1) == 28).all()
    assert (targets.ne(EOS).sum(1) - 28 == 85).all()  # 15% in spans of 3.04 on average
    borders = torch.isin(targets, torch.tensor([*sentinels, EOS]))
    lengths = borders.nonzero()[:, 1].view(200, -1).diff() - 1
    assert lengths.min() == 1 and lengths.max() > 9
    assert lengths.float().var() == pytest.approx(85 / 28 * (85 / 28 - 1), rel=0.1)  # geometric, nearly
    for row in range(200):
        assert restored(inputs[row], targets[row], sentinels) == tokens[row].tolist()


@given(
    inputs=st.integers(3, 120),
    share=st.floats(0.05, 0.9),
    mean_span=st.floats(1, 8),
    seed=st.integers(0, 2**32),
)
def test_corruption_of_plain_text_fills_its_lengths_and_gives_all_back(
    inputs: int, share: float, mean_span: float, seed: int
) -> None:
    raw, width = span_lengths(inputs, share=share, mean_span=mean_span)
    hidden, spans = span_counts(raw, share, mean_span)
    tokens = text(3, raw, seed)
    ids = range(7, 7 + spans) if spans <= 32 else range(VOCABULARY, VOCABULARY + spans)
    given_BI, targets = corrupt(tokens, seed, ids, share=share, mean_span=mean_span)
    assert given_BI.shape == (3, raw - hidden + spans + 1) and targets.shape == (3, width)
    assert given_BI.shape[1] == inputs if share < 0.5 else given_BI.shape[1] <= inputs
    assert (targets != IGNORE).all() and width == hidden + spans + 1
    for row in range(3):
        assert restored(given_BI[row], targets[row], ids) == tokens[row].tolist()


@given(length=st.integers(2, 150), specials=st.floats(0, 1), seed=st.integers(0, 2**32))
def test_corruption_never_hides_special_tokens(length: int, specials: float, seed: int) -> None:
    tokens = with_specials(3, length, specials, seed)
    inputs, targets = corrupt(tokens, seed)
    hidden, spans = span_counts(length, 0.15, 3.0)
    assert inputs.shape == (3, length - hidden + spans + 1) and targets.shape == (3, hidden + spans + 1)
    for row in range(3):
        back = restored(inputs[row], targets[row])
        assert back == tokens[row, : len(back)].tolist()
        assert (inputs[row, :-1] < 7).sum() == (tokens[row, : len(back)] < TEXT).sum()
        assert int((targets[row] == EOS).sum()) == 1


def test_special_tokens_cost_a_row_little() -> None:
    tokens = with_specials(200, 568, 0.03)
    inputs, targets = corrupt(tokens)
    lengths = torch.tensor([len(restored(*row)) for row in zip(inputs, targets, strict=True)])
    assert lengths.float().mean() > 0.98 * 568
    assert (targets == IGNORE).float().mean() < 0.05


def test_spans_are_placed_anywhere() -> None:
    inputs, targets = corrupt(text(4000, 9), share=0.3, mean_span=1.5)
    assert targets.shape == (4000, 3 + 2 + 1)
    shown = (inputs[:, :-1] < TEXT).float().mean(0)
    assert abs(shown[0] - shown[-1]) < 0.03
    single = corrupt(text(4000, 7), share=0.15, mean_span=3.0)[0][:, :-1] < TEXT
    assert (single.sum(1) == 1).all()
    assert (single.float().mean(0) - 1 / 7).abs().max() < 0.02


def test_more_spans_than_sentinels_are_refused() -> None:
    with pytest.raises(UserError, match="1000 tokens make 50 spans, and there are 32 sentinels"):
        corrupt(text(1, 1000))
    with pytest.raises(UserError, match="span corruption: the share must be between 0 and 1"):
        span_lengths(512, share=1.0, mean_span=3.0)


def test_a_row_cut_up_by_special_tokens_runs_out_of_sentinels_gracefully() -> None:
    tokens = text(8, 600)
    tokens[:, ::2] = EOS
    inputs, targets = corrupt(tokens, share=0.15, mean_span=3.0)
    for row in range(8):
        back = restored(inputs[row], targets[row])
        assert back == tokens[row, : len(back)].tolist()
        assert torch.isin(inputs[row], torch.tensor(SENTINEL_IDS)).sum() == 32


def test_decoder_inputs_are_the_targets_moved_by_one() -> None:
    targets = torch.tensor([[7, 50, 51, EOS, IGNORE, IGNORE]])
    assert shift_right(targets, start_id=0).tolist() == [[0, 7, 50, 51, EOS, 0]]
    assert targets[0, 0] == 7


@given(length=st.integers(2, 40), seed=st.integers(0, 2**32))
def test_a_prefix_is_seen_and_what_follows_is_predicted(length: int, seed: int) -> None:
    tokens = text(5, length, seed)
    inputs, targets, prefix = prefix_lm(tokens, generator=seeded(seed))
    assert torch.equal(inputs, tokens[:, :-1])
    assert ((prefix >= 1) & (prefix < length)).all()
    for row, seen in enumerate(prefix.tolist()):
        assert (targets[row, : seen - 1] == IGNORE).all()
        assert torch.equal(targets[row, seen - 1 :], tokens[row, seen:])


def test_prefixes_have_all_lengths_alike() -> None:
    counts = prefix_lm(text(6000, 6), generator=seeded(0))[2].bincount(minlength=6)
    assert counts[0] == 0 and (counts[1:] - 1200).abs().max() < 150


def test_the_prefix_is_seen_in_both_directions() -> None:
    allowed = prefix_mask(torch.tensor([1, 3]), 4).int().tolist()
    assert allowed[0] == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]
    assert allowed[1] == [[1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 1]]
