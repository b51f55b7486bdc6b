"""Masking is a pure function with the published statistics."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.objectives.rows import TEXT, VOCABULARY, seeded, text, with_specials
from tokenmill.core.errors import UserError
from tokenmill.objectives.examples import IGNORE_INDEX
from tokenmill.objectives.masked import masked
from tokenmill.text.special import OURS
from tokenmill.text.tokenizer import MASK


def mask(tokens: Tensor, seed: int = 1, share: float = 0.25, **how: Any) -> tuple[Tensor, Tensor]:
    return masked(
        tokens,
        mlm_probability=share,
        special=OURS,
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


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("share", [0.15, 0.3])
def test_masking_has_the_published_shares(way: str, share: float) -> None:
    tokens = text(200, 500)
    inputs, targets = mask(tokens, share=share, **WAYS[way])
    hidden = targets != IGNORE_INDEX
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
    assert torch.equal(inputs, tokens.masked_fill(targets != IGNORE_INDEX, MASK))


@pytest.mark.parametrize("way", ["words", "spans of words"])
def test_words_are_hidden_as_a_whole(way: str) -> None:
    starts = WAYS[way]["starts_word_BT"]
    hidden = mask(text(200, 500), **WAYS[way])[1] != IGNORE_INDEX
    inside = ~starts[:, 1:]
    assert torch.equal(hidden[:, 1:][inside], hidden[:, :-1][inside])
    assert (hidden[:, 1:] != hidden[:, :-1]).any()


def test_spans_have_the_lengths_of_spanbert_and_are_replaced_as_a_whole() -> None:
    tokens = text(400, 512)
    inputs, targets = mask(tokens, share=0.15, spans=True)
    hidden = targets != IGNORE_INDEX
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
    assert (targets[special] == IGNORE_INDEX).all()
    assert (targets[~special] != IGNORE_INDEX).float().mean() == pytest.approx(0.5, abs=0.015)
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
        assert torch.equal(torch.where(targets == IGNORE_INDEX, inputs, targets), tokens)
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
    with pytest.raises(UserError, match="mlm_probability must be above 0 and at most"):
        mask(text(1, 8), share=share, spans=spans)
