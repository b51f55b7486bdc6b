"""The identity of a model folder. No torch here."""

from pathlib import Path

from tokenmill.core.files import digest_tree

CONTROL = "control"
"""Folder inside a fine-tuned model's that holds its control: the same training from random weights."""


def model_digest(folder: Path) -> str:
    """SHA-256 of a model folder without the control in it."""
    return digest_tree(folder, without=(CONTROL,))
