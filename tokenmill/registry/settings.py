"""One registered model: an entry of ``register`` in params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from tokenmill.core.settings import Name, Settings

Gate = Literal["significant", "better", "never"]


class RegisteredModel(Settings):
    """A name in the registry and what decides who is champion."""

    name: Name
    metric: str
    better: Literal["higher", "lower"]
    gate: Gate = "significant"
    """When a new version becomes champion: if it is better on the same test documents by a paired test
    (p < 0.05), if its figure is better, or never but by ``tokenmill promote``."""
    minimum_gain: Annotated[float, Field(ge=0)] = 0.0
    """By so much, in units of the figure, at least."""
