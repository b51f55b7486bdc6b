"""Freezing parts of a model that patterns name."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from torch import nn

from tokenmill.core.errors import UserError

SHOWN = 5
"""Names that an error lists for orientation."""


def matching(names: Iterable[str], patterns: Sequence[str], what: str) -> list[str]:
    """The names that match any of the patterns, in their order; ``*`` stands for anything, dots included.

    Raises:
        UserError: a pattern matches nothing. ``what`` says in the message what the names are of.
    """
    names = list(names)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            shown = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
            raise UserError(f"no {what} is named like {pattern!r}; there are {shown or 'none'}")
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def parts(model: nn.Module, patterns: Sequence[str]) -> list[nn.Parameter]:
    """The parameters of the modules that match, and those that match themselves.

    Raises:
        UserError: a pattern matches nothing.
    """
    own = dict(model.named_parameters())
    # Every beginning of a name that ends before a dot is a module: backbone, backbone.encoder, ...
    names = dict.fromkeys(
        ".".join(pieces[:depth])
        for pieces in (name.split(".") for name in own)
        for depth in range(1, len(pieces) + 1)
    )
    found = set(matching(names, patterns, "part of the model"))
    return [
        parameter
        for name, parameter in own.items()
        if any(name == part or name.startswith(f"{part}.") for part in found)
    ]


def freeze(model: nn.Module, patterns: Sequence[str]) -> None:
    """Take the parts that match (``backbone.embeddings``, ``*.blocks.0``) out of training: no gradients.

    Raises:
        UserError: a pattern matches nothing.
    """
    for parameter in parts(model, patterns):
        parameter.requires_grad_(False)
