"""The pages about models: their code runs, and their settings are valid."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stages.params import check_params
from tests.tiny_models import write_model

ROOT = Path(__file__).resolve().parents[2]


def blocks(page: str, language: str) -> list[str]:
    """The code of a page of docs/ in one language."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def test_the_public_functions_are_called_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(tmp_path / "data/models/gpt")
    write_model(tmp_path / "data/models/bert", "masked-lm")
    write_model(tmp_path / "data/models/sentiment", "sequence-classifier")
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("models.md", "python")
    assert "tokenmill.classify" in code
    exec(code, {})


@pytest.mark.parametrize(("page", "name"), [("add-a-model.md", "llama"), ("add-a-task.md", "tags")])
def test_another_entry_is_all_that_another_model_takes(page: str, name: str) -> None:
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load((ROOT / "params.yaml").read_text("utf-8"))
    (added,) = blocks(page, "yaml")
    for group, entries in yaml.load(added).items():
        params[group].update(entries)
    assert name in check_params(params).models
