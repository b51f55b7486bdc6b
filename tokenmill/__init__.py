"""Raw text in, a registered language model out: the library.

``load``, ``generate``, ``chat``, ``classify``, ``explain``, ``tag``, ``answer``, ``fill``, ``score``,
``choose`` and ``embed`` use trained models; ``tokenmill.inference.api`` defines them. They are imported when
first used, so that importing ``tokenmill``, as every stage does, loads neither torch nor numpy. Type checkers
read ``__init__.pyi``.
"""

from importlib import import_module
from typing import Any

__all__ = [
    "answer",
    "chat",
    "choose",
    "classify",
    "embed",
    "explain",
    "fill",
    "generate",
    "load",
    "score",
    "tag",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(f"{__name__}.inference.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
