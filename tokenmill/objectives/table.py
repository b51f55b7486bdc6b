"""The objectives by name. Nothing heavy here: settings are checked against this table in light stages too."""

from typing import Literal

from tokenmill.model.names import Kind

OBJECTIVES: dict[str, Kind] = {
    "causal": "causal-lm",
    "prefix": "causal-lm",
    "masked": "masked-lm",
    "span-corruption": "text-to-text",
}
"""Each objective and the kind of model that it trains. Its code is the file of that name beside this one."""

Masking = Literal["token", "whole_word", "span"]
"""What the masked objective hides together."""


def module_of(name: str) -> str:
    """The module of an objective; it has ``new_objective(settings, tokenizer, special)``."""
    return f"tokenmill.objectives.{name.replace('-', '_')}"
