"""How a model that was fine-tuned to answer texts is asked: as in its training, which its ancestry tells."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.core.files import read_json

TASK = "generation"
"""The task whose models answer texts."""
REMEDY = "restore it with `dvc checkout`, or copy the model anew"


@dataclass(frozen=True)
class Answering:
    """What of its training a model that answers texts needs to be asked."""

    prefix: str
    """Stands before each text."""
    max_tokens: int
    """Of a longer text the first are read."""
    max_new_tokens: int
    """Those of the longest answer that it learned."""

    @property
    def defaults(self) -> dict[str, Any]:
        """Settings of generation, unless others are given: the likeliest token each time."""
        return {"max_new_tokens": self.max_new_tokens, "temperature": 0.0}


def answering_of(ancestry: Mapping[str, Any]) -> Answering | None:
    """What an ancestry tells; None of a model of any other kind."""
    settings = ancestry.get("finetune")
    if ancestry.get("task") != TASK or not isinstance(settings, Mapping):
        return None
    most = int(settings["max_tokens"])
    answer = int(settings["max_target_tokens"] or most)
    return Answering(str(settings["prefix"]), most, min(answer, max(most, answer) - 1))


def read_answering(folder: Path) -> Answering | None:
    """What the ancestry of a model folder tells.

    Raises:
        UserError: it was fine-tuned to answer texts, and its ancestry does not say how.
    """
    path = folder / "ancestry.json"
    try:
        return answering_of(read_json(path, REMEDY)) if path.exists() else None
    except (KeyError, TypeError, ValueError):
        message = f"{path}: lacks how the model is asked (finetune.prefix, max_tokens); {REMEDY}"
        raise UserError(message) from None
