"""params.yaml of any content: loaded, or one line; and what is loaded can be computed with."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from stages.params import Params, check_params, load_params
from tests.fuzz import FLOATS, INTEGERS, scalars, taken_or_told, texts, trees
from tokenmill.core.seeds import seed_of
from tokenmill.inference.generation.sampling import GenerationConfig
from tokenmill.objectives.span_corruption import span_lengths
from tokenmill.pretraining.budget import new_budget
from tokenmill.training.schedule import Schedule

SHIPPED = (Path(__file__).resolve().parents[2] / "params.yaml").read_text("utf-8")
DEFAULT: dict[str, Any] = YAML(typ="safe", pure=True).load(SHIPPED)


def places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a tree, by keys and numbers."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place, *(found for key, item in items for found in places(item, (*place, key)))][
        bool(not place) :
    ]


PLACES = places(DEFAULT)

mutations = st.tuples(
    st.sampled_from(PLACES),
    st.sampled_from(["put", "remove", "rename", "copy"]),
    trees,
    st.sampled_from(PLACES),
)


def at(tree: Any, place: tuple[Any, ...]) -> Any:
    for part in place:
        tree = tree[part]
    return tree


def mutate(tree: Any, place: tuple[Any, ...], how: str, new: Any, other: tuple[Any, ...]) -> None:
    """Change a tree at a place; where an earlier change took the place away, not."""
    try:
        parent = at(tree, place[:-1])
        if how == "put":
            parent[place[-1]] = new
        elif how == "copy":
            parent[place[-1]] = copy.deepcopy(at(DEFAULT, other))
        else:
            old = parent.pop(place[-1])
            if how == "rename" and isinstance(parent, dict):
                parent[new if isinstance(new, str) else f"{place[-1]}x"] = old
    except (KeyError, IndexError, TypeError, AttributeError):
        pass


@given(st.lists(mutations, min_size=1, max_size=3))
def test_any_change_of_the_shipped_settings(changes: list[tuple[Any, ...]]) -> None:
    tree = copy.deepcopy(DEFAULT)
    for change in changes:
        mutate(tree, *change)
    taken_or_told(lambda: check_params(tree))


@given(trees)
def test_any_tree(tree: Any) -> None:
    taken_or_told(lambda: check_params(tree))


SIGNS = st.sampled_from(
    [*"[]{}:,-?&*!|>'\"%@`#~=<\n\t \r", "\n  ", ": ", "- ", "<<: ", "!!int ", "!!float ", "!!bool "]
)
WORDS = st.sampled_from(
    [
        "&a ",
        "*a",
        "a",
        "2020-13-45",
        "0x",
        "0x" + "f" * 5000,
        "1e999",
        ".inf",
        "\\ud800",
        "---",
        "...",
        "%YAML 1.1",
    ]
)
snippets = st.lists(st.one_of(SIGNS, WORDS, texts), max_size=12).map("".join)


@given(st.integers(0, len(SHIPPED)), st.integers(0, 200), snippets, st.booleans())
def test_any_text(
    tmp_path_factory: pytest.TempPathFactory, start: int, length: int, new: str, alone: bool
) -> None:
    text = new if alone else SHIPPED[:start] + new + SHIPPED[start + length :]
    path = tmp_path_factory.getbasetemp() / "params-fuzz.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    taken_or_told(lambda: load_params(path))


SETTINGS = [place for place in PLACES if isinstance(at(DEFAULT, place), int | float)]
extremes = st.one_of(st.sampled_from([*INTEGERS, *FLOATS]), st.integers(-10, 10**7), st.floats(0, 1), scalars)


@given(st.lists(st.tuples(st.sampled_from(SETTINGS), extremes), min_size=1, max_size=4))
def test_what_is_accepted_can_be_computed_with(changes: list[tuple[Any, Any]]) -> None:
    """Steps, seeds and lengths of what is trained overflow nothing, and are there at once."""
    tree = copy.deepcopy(DEFAULT)
    for place, value in changes:
        mutate(tree, place, "put", value, place)
    found: list[Params] = []
    if not taken_or_told(lambda: found.append(check_params(tree))):
        return
    [params] = found
    assert taken_or_told(lambda: compute(params))


def compute(params: Params) -> None:
    for entry in params.pretrain.values():
        context = entry.context or 256
        shares = {
            "noise_density": entry.noise_density,
            "mean_noise_span_length": entry.mean_noise_span_length,
        }
        used = span_lengths(context, **shares)[0] if entry.objective == "span-corruption" else context
        for there in (1, 10**12):
            budget = new_budget(
                entry.budget(there),
                row_tokens=used,
                batch_rows=entry.batch_rows,
                learning_rate=entry.learning_rate,
            )
            schedule = Schedule(budget.steps, budget.learning_rate, entry.seed, entry.schedule)
            assert 0 <= schedule.factor(budget.steps - 1) <= 1 and 0 < budget.tokens < 2**63
    for model in params.models.values():
        torch.Generator().manual_seed(seed_of(model.seed, 10**15))
    for evaluate in params.evaluate.values():
        GenerationConfig(
            max_new_tokens=evaluate.max_new_tokens, temperature=evaluate.temperature, seed=evaluate.seed
        )
