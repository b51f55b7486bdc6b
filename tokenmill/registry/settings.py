"""One registered model: an entry of ``register`` in params.yaml."""

from typing import Literal

from tokenmill.core.settings import Name, Settings


class RegisteredModel(Settings):
    """A name in the registry and the figure that decides who is champion."""

    name: Name
    metric: str
    better: Literal["higher", "lower"]
