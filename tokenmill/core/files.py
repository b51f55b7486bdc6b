"""Files written whole or not at all, JSON with sorted keys, and digests of content."""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Collection
from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError


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


def digest_tree(path: Path, *, without: Collection[str] = ()) -> str:
    """SHA-256 of a file, or of the names and contents of all files under a folder.

    Neither times nor the absolute place of the folder enter, nor what the folder holds by the names in
    ``without``.
    """
    if path.is_file():
        return sha256_file(path)
    lines = [
        f"{file.relative_to(path).as_posix()}\0{sha256_file(file)}\n"
        for file in sorted(path.rglob("*"))
        if file.is_file() and file.relative_to(path).parts[0] not in without
    ]
    return hashlib.sha256(os.fsencode("".join(lines))).hexdigest()


def digest_value(value: Any) -> str:
    """SHA-256 of a JSON value, whatever the order of its keys."""
    return hashlib.sha256(to_json(value).encode()).hexdigest()


def remove(path: Path) -> None:
    """Remove a file or a folder, also one whose files DVC made read-only; absent is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def read_json(path: Path, remedy: str) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        UserError: it is missing, broken or no object; the message ends with ``remedy``.
    """
    try:
        value = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{path}: missing; {remedy}") from None
    except ValueError:
        raise UserError(f"{path}: not readable as JSON; {remedy}") from None
    if not isinstance(value, dict):
        raise UserError(f"{path}: must be a JSON object, got {type(value).__name__}; {remedy}")
    return value
