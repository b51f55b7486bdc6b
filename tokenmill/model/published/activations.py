"""The published names of activations."""

from tokenmill.core.errors import UserError, shown
from tokenmill.model.config import Activation

TO_US: dict[str, Activation] = {
    "relu": "relu",
    "relu2": "relu2",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "silu": "silu",
    "swish": "silu",
    "linear": "linear",
}
TO_THEM: dict[Activation, str] = {
    "relu": "relu",
    "relu2": "relu2",
    "gelu": "gelu",
    "gelu_tanh": "gelu_new",
    "silu": "silu",
    "linear": "linear",
}


def activation(name: str) -> Activation:
    """Our name of a published activation.

    Raises:
        UserError: it is not one that we have.
    """
    if name not in TO_US:
        raise UserError(f"config.json: activation {shown(name)} is not known; use one of {', '.join(TO_US)}")
    return TO_US[name]
