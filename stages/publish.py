"""Whole-or-nothing writing: atomic files, content digests, and outs that appear by one rename."""

import fcntl
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def project_home() -> Path:
    """Folder that outlives a single run: the repository, also inside ``dvc exp run --temp``.

    DVC runs temporary experiments in a throw-away copy but leaves ``DVC_ROOT`` pointing at the real
    repository, so resumable work and the MLflow store stand there.
    """
    return Path(os.environ.get("DVC_ROOT") or Path.cwd()).resolve()


def to_json(value: Any) -> str:
    """JSON text with sorted keys, so that equal values give equal bytes."""
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees either the old content or all of the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """UTF-8 text, written atomically."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """JSON with sorted keys, written atomically."""
    write_text(path, to_json(value))


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_tree(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of all files under a folder.

    Neither times nor the absolute place of the folder enter.
    """
    if path.is_file():
        return sha256_file(path)
    lines = [
        f"{file.relative_to(path).as_posix()}\0{sha256_file(file)}\n"
        for file in sorted(path.rglob("*"))
        if file.is_file()
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def digest_value(value: Any) -> str:
    """SHA-256 of a JSON value, whatever the order of its keys."""
    return hashlib.sha256(to_json(value).encode()).hexdigest()


def publish(outs: Mapping[Path, Path]) -> None:
    """Move finished work to its final places: ``{from: to}``, each appearing whole.

    A file replaces an old one in one step. A folder that stood at a place before is moved aside first and
    removed after, so that it is lost only once the new content stands there.
    """
    for source, target in outs.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        sync_tree(source)
        _rename(source, target)


def sync_tree(path: Path) -> None:
    """Flush a file, or every file below a folder, to disk: a rename must not outrun the data it names."""
    for file in path.rglob("*") if path.is_dir() else [path]:
        if file.is_file():
            descriptor = os.open(file, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _rename(source: Path, target: Path) -> None:
    # Fixed names: what a kill leaves behind is cleared away by the next publishing to the same place.
    aside, incoming = (target.with_name(f".{target.name}.{word}") for word in ("old", "new"))
    if source.stat().st_dev != target.parent.stat().st_dev:
        # A temporary experiment may stand on another disk: copy beside the target, then rename there.
        remove(incoming)
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, incoming)
        sync_tree(incoming)
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


def remove(path: Path) -> None:
    """Remove a file or a folder, also one whose files DVC made read-only; absent is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a lock file, after waiting for whoever holds it; the kernel frees it however a process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
