"""The finetune stage: from a pretrained encoder to a classifier that has learned, with its control."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from ruamel.yaml import YAML
from safetensors.torch import load_file

from benchmarks import kill
from tests.tiny_models import write_model
from tests.tiny_project import write_project
from tokenmill.model.folder import load_model


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, timeout=180, check=False
    )
    return f"{done.returncode}\n{done.stdout}{done.stderr}"


@pytest.fixture
def with_gpt(project: Path) -> Path:
    write_project(
        project,
        pretrain={"gpt": {"tokens": 1280}},
        finetune={"sentiment": {"init_from": "data/models/gpt"}},
        runtime={"checkpoint_every_seconds": 1000.0},
    )
    kill.train(project, "gpt")
    return project


def test_a_classifier_and_its_control_come_out_and_have_learned(with_gpt: Path) -> None:
    output = run("stages.finetune", "sentiment")
    assert output.startswith("0\n"), output
    metrics = json.loads((with_gpt / "data/metrics/finetune-sentiment.json").read_text())
    assert metrics["documents"] == {"train": 160, "validation": 40}
    for start, out in (("pretrained", "sentiment"), ("control", "sentiment-control")):
        assert metrics[start]["steps"] == metrics[start]["kept_step"] == 40
        assert 0 < metrics[start]["padding_share"] < 0.1 and metrics[start]["skipped_steps"] == 0
        assert metrics[start]["validation"]["accuracy"] > 0.8  # the words decide the label
        config = json.loads((with_gpt / f"data/models/{out}/config.json").read_text())
        assert config["model_type"] == "tokenmill"  # no published class weighs n-grams
        assert config["tokenmill"]["labels"] == ["negative", "positive"]
        assert config["tokenmill"]["causal"] is False  # averaged positions see the whole text
        assert json.loads((with_gpt / f"data/models/{out}/ancestry.json").read_text())["start"] == start
    weights = [
        (with_gpt / f"data/models/{m}/model.safetensors").read_bytes()
        for m in ("sentiment", "sentiment-control")
    ]
    assert weights[0] != weights[1]
    curve = (with_gpt / "data/plots/finetune-sentiment.csv").read_text()
    assert "validation (pretrained)" in curve and "validation (control)" in curve


def test_settings_that_do_not_fit_the_encoder_are_refused(with_gpt: Path) -> None:
    params = with_gpt / "params.yaml"
    text = params.read_text()
    params.write_text(text.replace("max_tokens: 32", "max_tokens: 64"))
    output = run("stages.finetune", "sentiment")
    assert output.startswith("1\n") and "max_tokens is 64, but the context of data/models/gpt is 32" in output
    params.write_text(text)
    (with_gpt / "data/models/gpt/tokenizer.json").write_text("{}")
    output = run("stages.finetune", "sentiment")
    assert output.startswith("1\n") and "the model was trained with" in output and "Traceback" not in output


def test_a_folder_of_hugging_face_is_a_start_and_lora_trains_little(project: Path) -> None:
    plain = {"init_from": "data/sources/theirs", "epochs": 1, "ngrams": 0, "pooling": None}
    write_project(project, finetune={"sentiment": plain})
    theirs = write_model(project / "data/sources/theirs", "features", family="bert", context=32)
    config = json.loads((theirs / "config.json").read_text())
    del config["tokenmill"]
    (theirs / "config.json").write_text(json.dumps(config))
    (theirs / "ancestry.json").unlink()
    params = project / "params.yaml"
    lora = "lora: {layers: ['*.attention.*'], rank: 4, alpha: 8.0}, freeze: [classifier.bias]"
    content = YAML(typ="safe", pure=True).load(params.read_text("utf-8"))
    content["finetune"]["sentiment"].update(YAML(typ="safe", pure=True).load("{" + lora + "}"))
    with params.open("w", encoding="utf-8") as file:
        YAML(typ="safe", pure=True).dump(content, file)
    output = run("stages.finetune", "sentiment")
    assert output.startswith("0\n"), output
    metrics = json.loads((project / "data/metrics/finetune-sentiment.json").read_text())
    assert metrics["pretrained"]["trained_parameters"] < metrics["control"]["trained_parameters"] / 4
    before = load_file(theirs / "model.safetensors")
    after = load_file(project / "data/models/sentiment/model.safetensors")
    assert not [name for name in after if "lora" in name]
    for name, changed in (("attention.self.query", True), ("intermediate.dense", False)):
        place = f"encoder.layer.1.{name}.weight"
        assert torch.equal(before[place], after[f"bert.{place}"]) != changed, place
    model, vocabulary = load_model(project / "data/models/sentiment")
    assert model.config.family == "bert" and model.config.labels == ("negative", "positive")
    assert vocabulary.encode(["这本书"]) == load_model(theirs)[1].encode(["这本书"])
