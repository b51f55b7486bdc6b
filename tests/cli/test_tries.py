"""What `tokenmill results` proposes to try: models and texts of the project, none of the sample's."""

import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.other_names import write
from tests.samples import write_clean
from tokenmill.cli.models import model_folder
from tokenmill.cli.tries import tries
from tokenmill.core.errors import UserError


def model(root: Path, name: str, kind: str, **ancestry: Any) -> None:
    write(root / "data/models" / name / "config.json", {"tokenmill": {"kind": kind}})
    write(root / "data/models" / name / "ancestry.json", ancestry)


def trained(*names: str, **evaluate: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {"pretrain": dict.fromkeys(names), "finetune": {}, "evaluate": evaluate}


def test_the_prompts_of_params_or_texts_of_the_test_split(tmp_path: Path) -> None:
    model(tmp_path, "scribe", "causal-lm", sources=["letters"])
    model(tmp_path, "mood", "sequence-classifier", task="classification", finetune={"source": "letters"})
    model(tmp_path, "gaps", "masked-lm", sources=["letters"])
    model(tmp_path, "more", "causal-lm", sources=["letters"])
    text = "We walked along the river in the evening, and nobody said a word."
    documents = {
        "test": [(text, "calm"), (f"{text} Then we slept.", "calm")],
        "train": [("It never rains.", "dry")],
    }
    write_clean(tmp_path / "data/clean", {"letters": documents})
    named = trained("scribe", "mood", "gaps", "more", scribe={"prompts": ["Dear Sir"]})
    scribe, gaps, mood = tries(tmp_path, named)
    assert scribe == "tokenmill generate data/models/scribe 'Dear Sir'"
    assert shlex.split(mood) == ["tokenmill", "classify", "data/models/mood", text]
    assert shlex.split(gaps) == [
        "tokenmill",
        "fill",
        "data/models/gaps",
        text.replace("the evening", "<mask> evening"),
    ]
    (dash,) = tries(tmp_path, trained("more", more={"prompts": ["-5 degrees"]}))
    assert dash == "tokenmill generate data/models/more -- '-5 degrees'"
    (more,) = tries(tmp_path, trained("more"))
    assert shlex.split(more)[-1] == "We walked along the river"


@pytest.mark.parametrize(
    ("kind", "ancestry", "line"),
    [
        ("causal-lm", {"task": "chat"}, "echo 'a text' | tokenmill chat data/models/own"),
        ("text-to-text", {"task": "generation"}, "tokenmill generate data/models/own 'a text'"),
        ("text-to-text", {}, "tokenmill fill data/models/own 'a text<mask>'"),
        ("span-extractor", {}, "tokenmill answer data/models/own --question 'a question' 'a text'"),
        ("character-classifier", {}, "tokenmill tag data/models/own 'a text'"),
    ],
)
def test_without_test_documents_words_stand_for_them(
    tmp_path: Path, kind: str, ancestry: dict[str, Any], line: str
) -> None:
    model(tmp_path, "own", kind, **ancestry)
    assert [*tries(tmp_path, trained("own"))] == [line]
    assert [*tries(tmp_path, trained("gone"))] == []


def test_a_hint_names_the_models_that_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^mod: no such folder; give a model folder, or models:/NAME@ALIAS$"):
        model_folder("mod")
    for name in ("mood", "scribe", "tales", "verses"):
        model(tmp_path, name, "causal-lm")
    there = "data/models/mood, data/models/scribe, data/models/tales and 1 more, or models:/NAME@ALIAS"
    with pytest.raises(UserError, match=f"^mod: no such folder; give {there}$"):
        model_folder("mod")
