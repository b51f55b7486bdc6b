"""Checkpoints as files: written whole or not at all, read without running code, taken by their own run."""

import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins import CheckpointIO

from lm.errors import UserError

IDENTITY = "identity"


class Checkpoints(CheckpointIO):
    """Lightning's way to disk, with an identity in every file.

    Lightning's own builds the file in memory, then writes it to the system's temporary folder first, where a
    kill leaves it behind.
    """

    def __init__(self, identity: Mapping[str, Any]) -> None:
        """``identity``: what the weights come from (params, digests), plain values, in maps where there are
        many."""
        self.identity = identity

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write beside the place, flush, rename: the last good one is never touched.

        Raises:
            OSError: the disk is full, or the like; nothing is left beside the last good one.
        """
        target = Path(path)
        temporary = target.with_name(f"{target.name}.tmp")
        try:
            with temporary.open("wb") as file:
                torch.save({**checkpoint, IDENTITY: dict(self.identity)}, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException as error:
            temporary.unlink(missing_ok=True)  # it would take the room that is missing
            if isinstance(error.__context__, OSError):  # torch.save hides it behind one of its own
                raise error.__context__ from None
            raise

    def load_checkpoint(
        self, path: Any, map_location: Any = "cpu", weights_only: bool | None = True, **_: Any
    ) -> dict[str, Any]:
        """Read plain tensors and numbers; nothing in the file is run.

        Raises:
            UserError: it is broken, or of other params or data than this run's.
        """
        try:
            checkpoint = dict(torch.load(path, map_location="cpu", weights_only=True))
            found = checkpoint.pop(IDENTITY)
        except (OSError, RuntimeError, KeyError, EOFError, ValueError, pickle.UnpicklingError) as error:
            raise UserError(cannot_continue(path, error)) from error
        differences = _differences(found, dict(self.identity))
        if differences:
            shown = "; ".join(differences[:5]) + ("; ..." if len(differences) > 5 else "")
            raise UserError(f"{path}: of another run: {shown}; delete it to begin anew")
        return checkpoint

    def remove_checkpoint(self, path: Any) -> None:
        """Delete a checkpoint that is there."""
        Path(path).unlink()


def cannot_continue(path: Any, error: BaseException) -> str:
    """The line for a checkpoint that cannot be taken up."""
    problem = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return f"{path}: cannot be continued ({problem}); delete it to begin anew"


def _differences(found: Any, expected: Any, name: str = "") -> list[str]:
    """``learning_rate is 0.02 there and 0.01 here``, for each value that is not the same in both."""
    if isinstance(found, dict) and isinstance(expected, dict):
        return [
            line
            for key in sorted(found.keys() | expected.keys())
            for line in _differences(found.get(key), expected.get(key), f"{name}.{key}" if name else key)
        ]
    if found == expected:
        return []
    return [f"{name} is {_short(found)} there and {_short(expected)} here"]


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:12]}..."
