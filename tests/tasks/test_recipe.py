"""Optimizer and rate by the start: whose weights they are, how wide, and what a number cannot do."""

import re
from typing import Any

import pytest

from tokenmill.tasks.recipe import CONTROL_RECIPE, Recipe, downloaded, recipe_of, warning

PRETRAINED = {"tokenizer": "e" * 64, "pretrain": {"init_from": "data/init/random"}}


@pytest.mark.parametrize(
    ("ancestry", "expected"),
    [
        ({}, True),
        ({"imported": {"config.json": "0" * 64}}, True),
        (PRETRAINED, False),
        ({**PRETRAINED, "init_from": "1" * 64, "parent": PRETRAINED}, False),
        ({"task": "classification", "init_from": "1" * 64}, True),  # fine-tuned from a folder without any
        ({"init_from": "1" * 64, "parent": {"imported": {}, "tokenizer": "e" * 64}}, True),
    ],
)
def test_weights_are_downloaded_where_their_first_ancestor_is(
    ancestry: dict[str, Any], expected: bool
) -> None:
    assert downloaded(ancestry) is expected


def rate(**changes: Any) -> float:
    given = {"width": 768, "rows": 16, "downloaded": True, "lora": False, **changes}
    return recipe_of(None, **given).learning_rate


def test_the_usual_rate_follows_from_width_and_batch() -> None:
    assert rate() == 5e-5
    assert rate(width=384) == 1e-4 and rate(rows=64) == 1e-4
    assert rate(width=32) == rate(width=64) == 3e-4, "no higher than what was ever usual"
    assert rate(lora=True) == pytest.approx(5e-4)


def test_ours_and_its_control_take_muon_and_a_given_rate_stays() -> None:
    ours = {"width": 256, "rows": 64, "downloaded": False, "lora": False}
    assert recipe_of(None, **ours) == CONTROL_RECIPE
    assert recipe_of(0.01, **ours) == Recipe("muon", 0.01)
    assert recipe_of(2e-5, **{**ours, "downloaded": True}) == Recipe("adamw", 2e-5)


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (
            Recipe("muon", 2e-5),
            "by singular values of 2e-05, where its own are about 1, so little that nothing",
        ),
        (Recipe("adamw", 0.004), "theirs was trained by others.*by about 0.004, more than what it knows"),
        (Recipe("muon", 0.004), None),
        (Recipe("adamw", 5e-5), None),
    ],
)
def test_a_rate_that_cannot_work_is_explained_in_a_line(recipe: Recipe, said: str | None) -> None:
    found = warning("params.yaml: finetune.mine", recipe, "theirs", lora=False)
    assert (found is None) == (said is None)
    if found is not None and said is not None:
        assert re.search(said, found) and "leave it out" in found and "\n" not in found


@pytest.mark.parametrize("lora", [False, True])
def test_no_default_is_warned_of(lora: bool) -> None:
    for width in (32, 384, 768, 4096):
        for own in (False, True):
            recipe = recipe_of(None, width=width, rows=64, downloaded=not own, lora=lora)
            assert warning("finetune.mine", recipe, "theirs", lora=lora) is None
