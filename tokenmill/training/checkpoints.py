"""Checkpoints as files: written whole or not at all, read without running code."""

import errno
import os
import pickle
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins import CheckpointIO
from torch import Tensor
from torch.distributed.tensor import DTensor

from tokenmill.core.errors import UserError
from tokenmill.training import parallel

SHARDS = "shards"
READING = (OSError, RuntimeError, KeyError, EOFError, ValueError, pickle.UnpicklingError)
"""What comes of reading a file that is broken."""


class Checkpoints(CheckpointIO):
    """Lightning's way to disk, atomic.

    Lightning's own builds the file in memory, then writes it to the system's temporary folder first, where a
    kill leaves it behind. Whose checkpoint it is follows from its place: a run has a folder of its own.

    Every tensor of a checkpoint is a weight or belongs to one and has its rows. Where weights are shared out
    over processes, each writes its rows into a folder beside the checkpoint, which then names the files:
    the folder of the last good one stays until then. Any number of processes can read either kind.
    """

    def __init__(self, *, sharded: bool = False) -> None:
        """``sharded``: weights are shared out."""
        self.sharded = sharded

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write beside the place, flush, rename: the last good one is never touched.

        Where weights are shared out, each process must call this.

        Raises:
            OSError: the disk is full, or the like; nothing is left beside the last good one.
        """
        target = Path(path)
        if not self.sharded:
            _write(target, checkpoint)
            return
        [before] = parallel.maximum(max(map(_number, _folders(target)), default=0))
        folder = target.with_name(f"{target.name}.{before + 1}")
        problem: OSError | None = None
        try:
            folder.mkdir(exist_ok=True)
            _write(folder / f"{parallel.rank()}.pt", _own_rows(checkpoint))
        except OSError as error:
            problem = error
        [number] = parallel.maximum(problem.errno or errno.EIO if problem else 0)
        try:
            if number:
                raise problem or OSError(number, os.strerror(number), str(folder))
            if parallel.rank() == 0:
                names = [f"{folder.name}/{rank}.pt" for rank in range(parallel.world())]
                _write(target, {SHARDS: names})
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if parallel.rank() == 0:
            for other in _folders(target):
                if other != folder:
                    shutil.rmtree(other)

    def load_checkpoint(
        self, path: Any, map_location: Any = "cpu", weights_only: bool | None = True, **_: Any
    ) -> dict[str, Any]:
        """Read plain tensors and numbers; nothing in the file is run.

        Where weights are shared out, the tensors are this process's rows.

        Raises:
            UserError: it is broken.
        """
        place = (parallel.rank(), parallel.world()) if self.sharded else (0, 1)
        try:
            checkpoint = dict(torch.load(path, map_location="cpu", weights_only=True))
            parts = [checkpoint]
            if SHARDS in checkpoint:
                files = [Path(path).parent / name for name in checkpoint[SHARDS]]
                parts = [torch.load(f, map_location="cpu", weights_only=True, mmap=True) for f in files]
            return dict(_joined(parts, *place))
        except READING as error:
            raise UserError(cannot_continue(path, error)) from error

    def remove_checkpoint(self, path: Any) -> None:
        """Delete a checkpoint that is there."""
        Path(path).unlink()
        for folder in _folders(Path(path)):
            shutil.rmtree(folder)


def size_of(path: Path) -> int:
    """Bytes of a checkpoint, in one file or in several."""
    shards = [file for folder in _folders(path) for file in folder.iterdir()]
    return sum(file.stat().st_size for file in (path, *shards))


def _folders(path: Path) -> list[Path]:
    """Where processes wrote their rows for a checkpoint: the last one, and what a kill left behind."""
    return [folder for folder in path.parent.glob(f"{path.name}.*") if folder.is_dir()]


def _number(folder: Path) -> int:
    return int(folder.suffix[1:])


def _write(target: Path, content: Mapping[str, Any]) -> None:
    temporary = target.with_name(f"{target.name}.tmp")
    try:
        with temporary.open("wb") as file:
            torch.save(dict(content), file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)  # it would take the room that is missing
        if isinstance(error.__context__, OSError):  # torch.save hides it behind one of its own
            raise error.__context__ from None
        raise


def _own_rows(value: Any) -> Any:
    """This process's part of everything in a checkpoint."""
    if isinstance(value, dict):
        return {key: _own_rows(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_own_rows(item) for item in value]
    if isinstance(value, Tensor):
        assert isinstance(value, DTensor), "every tensor of a sharded checkpoint is shared out"
        return value.to_local().detach()
    return value


def _joined(parts: Sequence[Any], number: int, count: int) -> Any:
    """What process ``number`` of ``count`` takes of a checkpoint: its rows of the tensors, of which ``parts``
    hold one run of rows after the other, and all else as it is."""
    first = parts[0]
    if isinstance(first, dict):
        return {key: _joined([part[key] for part in parts], number, count) for key in first}
    if isinstance(first, list):
        return [_joined(items, number, count) for items in zip(*parts, strict=True)]
    if not isinstance(first, Tensor) or (len(parts) == 1 and count == 1):
        return first
    rows, begin, pieces = parallel.rows_of(sum(map(len, parts)), number, count), 0, []
    for part in parts:
        pieces.append(part[max(0, rows.start - begin) : max(0, rows.stop - begin)])
        begin += len(part)
    return torch.cat(pieces)


def cannot_continue(path: Any, error: BaseException) -> str:
    """The line for a checkpoint that cannot be taken up."""
    problem = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return f"{path}: cannot be continued ({problem}); delete it to begin anew"
