"""The reference of settings and their JSON schema: current, whole, and at one with what loads params.yaml."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from ruamel.yaml import YAML

from docs.fields import UNSAID, explanations
from docs.schema import groups, schema
from docs.settings import main, page
from tests.conftest import ROOT
from tests.stages.test_params import BASE, WRONG

VALIDATOR = Draft202012Validator(schema())
FILES = [ROOT / "params.yaml", *sorted((ROOT / "examples").glob("*.yaml"))]


def read(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def test_both_files_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err


def test_a_stale_file_is_named_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "docs").mkdir()
    arguments = ["--root", str(tmp_path)]
    assert main([*arguments, "--check"]) == 1
    assert "docs/settings.md, params.schema.json: out of date" in capsys.readouterr().err
    assert main(arguments) == 0 == main([*arguments, "--check"])
    assert json.loads((tmp_path / "params.schema.json").read_text("utf-8")) == schema()


def test_every_setting_is_explained() -> None:
    made = schema()
    Draft202012Validator.check_schema(made)
    for model in groups()[1:]:
        for name, node in made["$defs"][model.__name__]["properties"].items():
            group = "$ref" in node or any("$ref" in option for option in node.get("anyOf", ()))
            assert node.get("description") or group or "const" in node, f"{model.__name__}.{name}"
    for line in page(made).splitlines():
        assert not line.startswith("| `") or not line.endswith("|  |"), line


def test_what_has_a_docstring_is_not_said_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    every = {base for model in groups() for base in model.__mro__ if issubclass(base, BaseModel)}
    classes = {base.__name__: base for base in every}
    said = dict(UNSAID)
    monkeypatch.setattr("docs.fields.UNSAID", {})
    for place in said:
        name, _, field = place.partition(".")
        assert field in classes[name].model_fields and field not in explanations(classes[name]), place


def test_the_page_has_types_bounds_and_defaults() -> None:
    text = page(schema())
    assert (
        "\n| `batch_rows` | whole number ≥ 1 ≤ 1,048,576 or null | `null` | Rows of `context` tokens " in text
    )
    assert "\n| `tokenizer` | a NAME |  | An entry of `tokenize`, whose " in text
    assert "\n### finetune.NAME, task: chat\n" in text and "\n#### clean.thresholds.default, zh, en\n" in text


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_params_and_examples_follow_the_schema_that_they_name(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.startswith("# yaml-language-server: $schema=params.schema.json\n")
    assert [error.message for error in VALIDATOR.iter_errors(read(text))] == []


def test_what_loads_is_right_and_what_types_refuse_is_wrong() -> None:
    """Of the wrong files of the test of params.yaml, those whose mistake is one of names, types or bounds."""
    assert VALIDATOR.is_valid(read(BASE))
    simple = [
        (right, wrong) for right, wrong, said in WRONG if " should be " in said or "is not a setting" in said
    ]
    assert len(simple) > 40
    accepted = [wrong for right, wrong in simple if VALIDATOR.is_valid(read(BASE.replace(right, wrong)))]
    assert accepted == ["rate: .nan", "{1: positive}"]  # JSON has neither
