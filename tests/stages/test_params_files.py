"""Files that are no settings, and settings that no file should hold: one line each, never a traceback."""

import copy
import os
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from stages.params import check_params, load_params
from tests.stages.test_params import BASE, SHIPPED, load
from tokenmill.core.errors import LONGEST_LINE, UserError

DOUBLING = b"".join(b"a%d: &a%d {%%s[*a%d, *a%d]}\n" % (n, n, n - 1, n - 1) for n in range(1, 40))
"""Each line holds the one before it twice."""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must be a mapping of settings, got nothing"),
        (b"- a\n", "must be a mapping of settings, got ['a']"),
        (b"clean: [\n", "line 2, column 1 "),
        (b"clean: 1\nclean: 2\n", "line 2, column 1 found duplicate key"),
        (b"a: \xff\n", "not UTF-8 at byte 3; it must be a file that can be read, in UTF-8"),
        (b"a: \x00\n", "special characters are not allowed"),
        (b"!!python/object/apply:os.getcwd []\n", "could not determine a constructor"),
        # what the library's constructors raise
        (b"a:\n  - !!int abc\n", 'line 2, column 5 "abc" cannot be read as int'),
        (b"a: !!int ''\n", "line 1, column 4 "),
        (b"a: !!float abc\n", '"abc" cannot be read as float'),
        (b"a: !!bool x\n", '"x" cannot be read as bool'),
        (b"a: 2020-13-45\n", '"2020-13-45" cannot be read as timestamp (month must be in 1..12)'),
        (b"a: " + b"9" * 5000, "line 1, column 4 "),
        (b"0x" + b"f" * 5000, "ffff... is larger than any setting"),
        (b'"\\U00110000": 1', "chr() arg not in range"),
        # characters that no text, or no line, can have
        (b'"\\ud800": 1', "line 1, column 1 a text holds what is no character"),
        (b'a: "\\0"', "line 1, column 4 a text holds what is no character"),
        (b'- "a\\nb\\e[31m"', r"got ['a\nb\x1b[31m']"),
        # without bound
        (b"[" * 1000 + b"]" * 1000, "nested too deeply"),
        (b"- " * 3000, "nested too deeply"),
        (b"a: &a [*a]", "line 1, column 4 a value holds itself"),
        (b"a0: &a0 {x: 1}\n" + DOUBLING.replace(b"%s", b"<<: "), "there are more than 100,000 values"),
        (b"a0: &a0 {x: 1}\n" + DOUBLING.replace(b"%s", b"y: "), "there are more than 100,000 values"),
        (b"# " + b"x" * (1 << 18), "settings of more than 262,144 are not read"),
    ],
)
def test_what_is_no_yaml_of_settings(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        load_params(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)
    assert str(error.value).isprintable() and len(str(error.value)) <= LONGEST_LINE


@pytest.mark.parametrize(
    "key", ["k" * 100_000, "a\\nb", "\\e]0;title\\a"], ids=["long", "line end", "escape"]
)
def test_odd_names_and_values_in_one_line(tmp_path: Path, key: str) -> None:
    for text in (
        f'"{key}": 1\n' + BASE,
        BASE.replace("  own:", f'  "{key}":'),
        BASE.replace("bpe", f'"{key}"'),
    ):
        with pytest.raises(UserError) as error:
            load(text, tmp_path)
        assert str(error.value).isprintable() and len(str(error.value)) <= LONGEST_LINE


def test_a_folder_whose_name_no_file_can_have(tmp_path: Path) -> None:
    text = BASE.replace("init_from: data/models/sentiment", f"init_from: {'a' * 5000}")
    with pytest.raises(
        UserError, match=r"^params\.yaml: finetune\.topics\.init_from: no entry .* at that place$"
    ):
        load(text, tmp_path)


def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "params.yaml")
    with pytest.raises(UserError, match=r"params\.yaml: is no file"):
        load_params(tmp_path / "params.yaml")


def test_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^params\.yaml: not found; run this from the project's folder$"):
        load_params()
    Path("params.yaml").mkdir()
    with pytest.raises(
        UserError, match=r"^params\.yaml: is no file; it must be a file that can be read, in UTF-8$"
    ):
        load_params()


def every_place(value: Any, place: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(value, dict):
        return [place]
    return [place, *(found for key, item in value.items() for found in every_place(item, (*place, key)))]


def test_nothing_that_can_be_put_anywhere_gives_a_traceback() -> None:
    """Every value of the shipped file replaced by each of a few wrong ones: loaded, or one line."""
    shipped = YAML(typ="safe", pure=True).load(SHIPPED.read_text("utf-8"))
    refused = 0
    for place in every_place(shipped):
        for wrong in (None, -1, "x", [], {}, {"a": [1]}, True):
            changed: Any = copy.deepcopy(shipped)
            here = changed
            for part in place[:-1]:
                here = here[part]
            if place:
                here[place[-1]] = wrong
            else:
                changed = wrong
            try:
                check_params(changed)
            except UserError as error:
                refused += 1
                assert len(str(error).splitlines()) == 1, error
    assert refused > 400
