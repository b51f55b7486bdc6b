"""Freezing by pattern."""

import pytest
import torch
from torch import nn

from tokenmill.core.errors import UserError
from tokenmill.model.freeze import freeze, matching


class Stack(nn.Module):
    """Twelve blocks between an embedding and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 4)
        self.encoder = nn.ModuleDict({"blocks": nn.ModuleList(nn.Linear(4, 4) for _ in range(12))})
        self.head = nn.Linear(4, 2)
        self.gain = nn.Parameter(torch.ones(4))


def frozen(model: nn.Module) -> list[str]:
    return [name for name, parameter in model.named_parameters() if not parameter.requires_grad]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["embedding"], ["embedding.weight"]),
        (["gain", "head.bias"], ["gain", "head.bias"]),
        (["*.bias"], [*(f"encoder.blocks.{n}.bias" for n in range(12)), "head.bias"]),
        (["*.blocks.1"], ["encoder.blocks.1.weight", "encoder.blocks.1.bias"]),
        ([], []),
    ],
)
def test_what_matches_is_frozen(patterns: list[str], expected: list[str]) -> None:
    model = Stack()
    freeze(model, patterns)
    assert frozen(model) == expected


def test_the_encoder_as_a_whole() -> None:
    model = Stack()
    freeze(model, ["encoder"])
    assert len(frozen(model)) == 24


def test_more_blocks_than_there_are_is_a_mistake() -> None:
    with pytest.raises(UserError, match=r"no part of the model is named like '\*\.blocks\.12'"):
        freeze(Stack(), ["*.blocks.12"])


def test_matching_keeps_the_order_of_the_names_and_shows_some() -> None:
    assert matching("abcd", ["d", "[ab]"], "letter") == ["a", "b", "d"]
    with pytest.raises(UserError, match=r"no letter is named like 'x'; there are a, b, c, d, e, \.\.\.$"):
        matching("abcdefg", ["x"], "letter")
    with pytest.raises(UserError, match="there are none"):
        matching([], ["x"], "letter")
