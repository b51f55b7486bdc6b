"""Files that people and crashes leave in a JSON file's place."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tokenmill.core.errors import UserError
from tokenmill.core.files import read_json


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "missing"),
        (lambda path: path.mkdir(), "is no file"),
        (lambda path: os.mkfifo(path), "is no file"),
        (lambda path: path.write_bytes(b"\xff"), "not UTF-8 at byte 0"),
        (lambda path: path.write_text("[" * 100_000), "not readable as JSON"),
        (lambda path: path.write_text("9" * 5000), "not readable as JSON"),
        (lambda path: path.write_text("[]"), "must be a JSON object, got list"),
    ],
)
def test_what_is_no_json_object(tmp_path: Path, make: Callable[[Path], None], message: str) -> None:
    path = tmp_path / "a.json"
    make(path)
    with pytest.raises(UserError) as error:
        read_json(path, "copy it anew")
    assert str(error.value).startswith(f"{path}: {message}") and str(error.value).endswith("; copy it anew")


@pytest.mark.parametrize("name", ["a" * 300, "a\0b"])
def test_names_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"; copy it anew$"):
        read_json(tmp_path / name, "copy it anew")
