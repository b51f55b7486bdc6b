"""Which optimizer and learning rate a fine-tuning takes, by the weights that it starts from."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from tokenmill.training.settings import OptimizerName

MUON_RATE = 0.004
"""Of a model of ours, and of random weights (docs/experiments.md)."""

ADAMW_RATE, ADAMW_WIDTH, ADAMW_ROWS = 5e-5, 768, 16
"""Of downloaded weights of that width in batches of so many: BERT's (Devlin et al. 2019, A.3). Narrower
models take higher ones (Turc et al. 2019: up to 3e-4), in inverse proportion to their width (Yang et al.
2022), and larger batches in proportion to the root of their rows (Malladi et al. 2022)."""

MOST_ADAMW_RATE = 3e-4
LORA_FACTOR = 10
"""Low-rank matrices take about ten times the rate of whole ones (Schulman 2025, "LoRA Without Regret")."""

BOUNDS: Mapping[OptimizerName, tuple[float, float]] = {"muon": (4e-4, 0.1), "adamw": (1e-6, 1e-3)}
"""Rates below learn nothing in the usual number of steps, rates above destroy what the start knows."""


class Recipe(NamedTuple):
    """How fast to train, and by what."""

    optimizer: OptimizerName
    learning_rate: float


CONTROL_RECIPE = Recipe("muon", MUON_RATE)
"""Of random weights beside downloaded ones."""


def downloaded(ancestry: Mapping[str, Any]) -> bool:
    """Whether weights come, in the last instance, from a model that others trained: nothing of ours says how.

    ``ancestry`` is ancestry.json of the model to start from, {} where there is none.
    """
    if not ancestry or "imported" in ancestry:
        return True
    if "parent" in ancestry:
        return downloaded(ancestry["parent"])
    return "init_from" in ancestry


def recipe_of(learning_rate: float | None, *, width: int, rows: int, downloaded: bool, lora: bool) -> Recipe:
    """The optimizer that suits the start, at ``learning_rate`` or, where it is None, at the usual rate.

    Args:
        learning_rate: the setting.
        width: of the model to start from.
        rows: texts in a batch.
        downloaded: whether others trained its weights.
        lora: whether low-rank matrices are trained instead of whole ones.
    """
    if not downloaded:
        return Recipe("muon", learning_rate or MUON_RATE)
    usual = min(MOST_ADAMW_RATE, ADAMW_RATE * ADAMW_WIDTH / width * (rows / ADAMW_ROWS) ** 0.5)
    return Recipe("adamw", learning_rate or usual * (LORA_FACTOR if lora else 1))


def warning(where: str, recipe: Recipe, start: str, *, lora: bool) -> str | None:
    """What a rate means that cannot work, in a line; None of any other.

    Args:
        where: the entry, as it is named.
        recipe: what :func:`recipe_of` gave.
        start: the model to start from, as it is named.
        lora: whether low-rank matrices are trained.
    """
    factor = LORA_FACTOR if lora and recipe.optimizer == "adamw" else 1
    low, high = (factor * bound for bound in BOUNDS[recipe.optimizer])
    rate = recipe.learning_rate
    if low <= rate <= high:
        return None
    if recipe.optimizer == "muon":
        means = f"a step of Muon moves each matrix by singular values of {rate:g}, where its own are about 1"
    else:
        means = (
            f"{start} was trained by others, and a step of AdamW moves each of its weights by about {rate:g}"
        )
    effect = "so little that nothing is learned" if rate < low else "more than what it knows can bear"
    return f"{where}.learning_rate: {means}, {effect}; leave it out, or give {low:g} to {high:g}"
