"""The finetune stage: from a pretrained encoder to a classifier that has learned, with its control."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny_project import write_project


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, timeout=180, check=False
    )
    return f"{done.returncode}\n{done.stdout}{done.stderr}"


@pytest.fixture
def with_encoder(project: Path) -> Path:
    write_project(project, pretrain={"bert": {"tokens": 1280}}, runtime={"checkpoint_every_seconds": 1000.0})
    output = run("stages.pretrain", "bert")
    assert output.startswith("0\n"), output
    return project


def test_a_classifier_and_its_control_come_out_and_have_learned(with_encoder: Path) -> None:
    output = run("stages.finetune", "sentiment")
    assert output.startswith("0\n"), output
    metrics = json.loads((with_encoder / "data/metrics/finetune-sentiment.json").read_text())
    assert metrics["documents"] == {"train": 160, "validation": 40}
    for start, out in (("pretrained", "sentiment"), ("control", "sentiment-control")):
        assert metrics[start]["steps"] == 40
        assert metrics[start]["validation"]["accuracy"] > 0.8  # the words decide the label
        config = json.loads((with_encoder / f"data/models/{out}/config.json").read_text())
        assert config["labels"] == ["negative", "positive"] and config["kind"] == "sequence-classifier"
        assert json.loads((with_encoder / f"data/models/{out}/ancestry.json").read_text())["start"] == start
    weights = [
        (with_encoder / f"data/models/{m}/model.safetensors").read_bytes()
        for m in ("sentiment", "sentiment-control")
    ]
    assert weights[0] != weights[1]
    curve = (with_encoder / "data/plots/finetune-sentiment.csv").read_text()
    assert "validation (pretrained)" in curve and "validation (control)" in curve


def test_settings_that_do_not_fit_the_encoder_are_refused(with_encoder: Path) -> None:
    params = with_encoder / "params.yaml"
    text = params.read_text()
    params.write_text(text.replace("max_tokens: 32", "max_tokens: 64"))
    output = run("stages.finetune", "sentiment")
    assert output.startswith("1\n") and "max_tokens is 64, but the context of bert is 32" in output
    params.write_text(text)
    (with_encoder / "data/models/bert/tokenizer.json").write_text("{}")
    output = run("stages.finetune", "sentiment")
    assert output.startswith("1\n") and "the model was trained with" in output and "Traceback" not in output
