"""Prefix language modelling: lengths, labels and attention."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.objectives.rows import seeded, text
from tokenmill.objectives.causal import next_tokens
from tokenmill.objectives.examples import IGNORE_INDEX
from tokenmill.objectives.prefix import prefix_lm, prefix_mask


def test_causal_targets_are_the_next_tokens() -> None:
    inputs, targets = next_tokens(torch.arange(12).view(2, 6))
    assert inputs.tolist() == [[0, 1, 2, 3, 4], [6, 7, 8, 9, 10]]
    assert targets.tolist() == [[1, 2, 3, 4, 5], [7, 8, 9, 10, 11]]


@given(length=st.integers(2, 40), seed=st.integers(0, 2**32))
def test_a_prefix_is_seen_and_what_follows_is_predicted(length: int, seed: int) -> None:
    tokens = text(5, length, seed)
    inputs, targets, prefix = prefix_lm(tokens, generator=seeded(seed))
    assert torch.equal(inputs, tokens[:, :-1])
    assert ((prefix >= 1) & (prefix < length)).all()
    for row, seen in enumerate(prefix.tolist()):
        assert (targets[row, : seen - 1] == IGNORE_INDEX).all()
        assert torch.equal(targets[row, seen - 1 :], tokens[row, seen:])


def test_prefixes_have_all_lengths_alike() -> None:
    counts = prefix_lm(text(6000, 6), generator=seeded(0))[2].bincount(minlength=6)
    assert counts[0] == 0 and (counts[1:] - 1200).abs().max() < 150


def test_the_prefix_is_seen_in_both_directions() -> None:
    allowed = prefix_mask(torch.tensor([1, 3]), 4).int().tolist()
    assert allowed[0] == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]
    assert allowed[1] == [[1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 1]]
