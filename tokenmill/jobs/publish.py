"""Outs that appear by one rename, the folder that outlives a run, and a lock that waits."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tokenmill.core.files import remove


def project_home() -> Path:
    """Folder that outlives a single run: the repository, also inside ``dvc exp run --temp``.

    DVC runs temporary experiments in a throw-away copy but leaves ``DVC_ROOT`` pointing at the real
    repository, so resumable work and the MLflow store stand there.
    """
    return Path(os.environ.get("DVC_ROOT") or Path.cwd()).resolve()


def publish(outs: Mapping[Path, Path], *, keep: bool = False) -> bool:
    """Move finished work to its final places: ``{from: to}``, each appearing whole.

    A file replaces an old one in one step. A folder that stood at a place before is moved aside first and
    removed after, so that it is lost only once the new content stands there. With ``keep``, hard links to
    the files stay where they were; returns whether they do: not all file systems have them, and none across
    its border.
    """
    for source, target in outs.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        sync_tree(source)
        keep = _rename(source, target, keep)
    return keep


def sync_tree(path: Path) -> None:
    """Flush a file, or every file below a folder, to disk: a rename must not outrun the data it names."""
    for file in path.rglob("*") if path.is_dir() else [path]:
        if file.is_file():
            descriptor = os.open(file, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _rename(source: Path, target: Path, keep: bool) -> bool:
    # Fixed names: what a kill leaves behind is cleared away by the next publishing to the same place.
    aside, incoming = (target.with_name(f".{target.name}.{word}") for word in ("old", "new"))
    if source.stat().st_dev != target.parent.stat().st_dev:
        # A temporary experiment may stand on another disk: copy beside the target, then rename there.
        remove(incoming)
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, incoming)
        sync_tree(incoming)
        source, keep = incoming, False
    elif keep := keep and _link(source, incoming):
        source = incoming
    if source.is_dir() or target.is_dir():
        if target.exists():
            remove(aside)
            target.rename(aside)
        try:
            source.rename(target)
        except OSError:
            if aside.exists():
                aside.rename(target)
            raise
    else:
        source.replace(target)
    remove(aside)
    remove(incoming)
    return keep


def _link(source: Path, target: Path) -> bool:
    """Make a file, or a folder of files, that shares its content with another; whether that can be done."""
    remove(target)
    try:
        if source.is_dir():
            shutil.copytree(source, target, copy_function=os.link)
        else:
            os.link(source, target)
    except (OSError, shutil.Error):
        remove(target)
        return False
    return True


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a lock file, after waiting for whoever holds it; the kernel frees it however a process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
