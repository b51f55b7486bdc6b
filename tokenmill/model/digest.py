"""The identity of a model folder, and what its ancestry says of it. No torch here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenmill.core.files import digest_tree

CONTROL = "control"
"""Folder inside a fine-tuned model's that holds its control: the same training from random weights, or of
preferences the model before."""


def model_digest(folder: Path) -> str:
    """SHA-256 of a model folder without the control in it."""
    return digest_tree(folder, without=(CONTROL,))


def converses(ancestry: Mapping[str, Any]) -> bool:
    """Whether a model was fine-tuned for conversations, and at most learned preferences since."""
    task = ancestry.get("task")
    return task == "chat" or (task == "preference" and converses(ancestry.get("parent", {})))
