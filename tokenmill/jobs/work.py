"""Work folders ``.work/STAGE/KEY``, which survive a kill, and their locks ``KEY.lock``."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from tokenmill.core.errors import UserError
from tokenmill.core.files import remove, write_json

UNFINISHED = 2
"""So many interrupted runs of a stage can go on later, beside the one that runs."""


@contextmanager
def only_one(work: Path, stage: str) -> Iterator[None]:
    """Hold the work folder's lock; the kernel frees it however the process ends.

    Raises:
        UserError: another process holds it.
    """
    path = _lock(work)
    while True:
        with path.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                message = f"{stage} is already running with these settings; wait for it or stop it"
                raise UserError(message) from None
            if not _names(path, lock):  # its last holder removed it after we opened it: take the new one
                continue
            try:
                yield
            finally:
                path.unlink()  # while it is held, so that nobody else's file is removed
            return


def _lock(work: Path) -> Path:
    return work.with_name(f"{work.name}.lock")


def _names(path: Path, file: IO[str]) -> bool:
    """Whether a path leads to an open file, not to a newer file of the same name or to nothing."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def begin(work: Path) -> float:
    """Note that a process begins; seconds that interrupted ones of this key were at work before.

    Each counts up to the last file that it wrote.
    """
    note, before = work / "time.json", 0.0
    if note.exists():
        last = json.loads(note.read_text("utf-8"))
        newest = max(file.stat().st_mtime for file in work.rglob("*") if file.is_file())
        before = last["before"] + max(0.0, newest - last["began"])
    write_json(note, {"began": time.time(), "before": before})
    return before


def remove_older(work: Path, stage: str) -> None:
    """Remove the work folders of other keys, but for the newest :data:`UNFINISHED` and those in use."""
    others = [folder for folder in work.parent.iterdir() if folder.is_dir() and folder != work]
    for folder in sorted(others, key=_began, reverse=True)[UNFINISHED:]:
        with suppress(UserError), only_one(folder, stage):
            remove(folder)


def _began(work: Path) -> float:
    note = work / "time.json"
    return note.stat().st_mtime if note.exists() else 0.0
