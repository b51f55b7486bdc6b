"""Objectives are pure functions with the published statistics."""

import torch

from lm.objectives import IGNORE, causal, masked


def test_causal_targets_are_the_next_tokens() -> None:
    inputs, targets = causal(torch.arange(12).view(2, 6))
    assert inputs.tolist() == [[0, 1, 2, 3, 4], [6, 7, 8, 9, 10]]
    assert targets.tolist() == [[1, 2, 3, 4, 5], [7, 8, 9, 10, 11]]


def mask(tokens: torch.Tensor, seed: int = 1, share: float = 0.25) -> tuple[torch.Tensor, torch.Tensor]:
    return masked(
        tokens,
        share=share,
        mask_id=4,
        first_text_id=39,
        vocab_size=8192,
        generator=torch.Generator().manual_seed(seed),
    )


def test_masking_has_the_published_shares() -> None:
    tokens = torch.randint(39, 8192, (200, 500), generator=torch.Generator().manual_seed(0))
    inputs, targets = mask(tokens)
    hidden = targets != IGNORE
    assert abs(hidden.float().mean() - 0.25) < 0.005
    assert abs((inputs[hidden] == 4).float().mean() - 0.8) < 0.01
    assert abs((inputs[hidden] == tokens[hidden]).float().mean() - 0.1) < 0.01
    assert torch.equal(targets[hidden], tokens[hidden])
    assert torch.equal(inputs[~hidden], tokens[~hidden])


def test_special_tokens_are_never_hidden_nor_put_in() -> None:
    tokens = torch.tensor([[2, *range(39, 139), 3]] * 50)
    inputs, targets = mask(tokens, share=0.9)
    assert (targets[:, [0, -1]] == IGNORE).all()
    changed = inputs[inputs != tokens]
    assert ((changed == 4) | (changed >= 39)).all()


def test_masking_follows_from_its_generator_alone() -> None:
    tokens = torch.randint(39, 8192, (4, 64))
    torch.manual_seed(5)
    first = mask(tokens)
    torch.manual_seed(6)
    assert all(torch.equal(a, b) for a, b in zip(first, mask(tokens), strict=True))
    assert not torch.equal(first[0], mask(tokens, seed=2)[0])
