"""Files written whole or not at all, JSON with sorted keys, and digests of content."""

import hashlib
import json
import os
import shutil
import stat
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


def read_regular(path: Path, remedy: str, *, most: int | None = None) -> bytes:
    """The bytes of an ordinary file; a pipe or a device in its place is not waited for.

    Args:
        path: the file, or a link to it.
        remedy: the end of messages.
        most: bytes that such a file may have.

    Raises:
        UserError: it is missing, no ordinary file, larger than ``most``, or cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{path}: missing; {remedy}") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); {remedy}") from None
    except ValueError:  # a null character
        raise UserError(f"{path}: no name that a file can have; {remedy}") from None
    state, problem = os.fstat(descriptor), ""
    if not stat.S_ISREG(state.st_mode):
        problem = f"is no file; {remedy}"
    elif most is not None and state.st_size > most:
        problem = f"has {state.st_size:,} bytes, at most {most:,} are read; {remedy}"
    if problem:
        os.close(descriptor)
        raise UserError(f"{path}: {problem}")
    try:
        with open(descriptor, "rb") as file:
            return file.read()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); {remedy}") from None


def check_regular(path: Path, remedy: str) -> None:
    """Refuse what a library must not open by its name.

    Raises:
        UserError: it is missing, or no ordinary file.
    """
    if not path.exists():
        raise UserError(f"{path}: missing; {remedy}")
    if not path.is_file():
        raise UserError(f"{path}: is no file; {remedy}")


def read_text(path: Path, remedy: str, *, most: int | None = None) -> str:
    """The text of a UTF-8 file of at most ``most`` bytes.

    Raises:
        UserError: see :func:`read_regular`; or it is no UTF-8.
    """
    try:
        return read_regular(path, remedy, most=most).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 at byte {error.start}; {remedy}") from None


def read_json(path: Path, remedy: str, *, most: int | None = None) -> dict[str, Any]:
    """A JSON object from a file of at most ``most`` bytes.

    Raises:
        UserError: it is missing, broken, no object or no ordinary file; the message ends with ``remedy``.
    """
    text = read_text(path, remedy, most=most)
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # half a surrogate pair cannot be written again
    except (ValueError, RecursionError):
        raise UserError(f"{path}: not readable as JSON; {remedy}") from None
    if not isinstance(value, dict):
        raise UserError(f"{path}: must be a JSON object, got {type(value).__name__}; {remedy}")
    return value
