"""The finetune stage: from a pretrained encoder to a classifier that has learned, with its control."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from ruamel.yaml import YAML
from safetensors.torch import load_file

from benchmarks.kill import training as kill
from tests.tiny_models import write_model
from tests.tiny_project import MEASURE, write_project
from tokenmill.core.files import digest_tree
from tokenmill.model.digest import CONTROL, model_digest
from tokenmill.model.folder import load_model
from tokenmill.training.record import RECORD


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, timeout=900, check=False
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
    metrics = read(with_gpt / "data/metrics/finetune-sentiment.json")
    assert metrics["documents"] == 160
    model = with_gpt / "data/models/sentiment"
    assert not (with_gpt / "data/models/gpt/normalization.json").exists()  # its shards say nothing
    gpt = read(with_gpt / "data/models/gpt/ancestry.json")
    for which, folder in (("validation", model), ("control", model / CONTROL)):
        record, ancestry = read(folder / RECORD), read(folder / "ancestry.json")
        assert record["steps"] == record["kept_step"] == 40
        assert 0 < record["padding_share"] < 0.1 and record["skipped_steps"] == 0
        assert metrics[which]["accuracy"] > 0.8  # the words decide the label
        config = read(folder / "config.json")
        assert config["model_type"] == "tokenmill"  # no published class weighs n-grams
        assert config["tokenmill"]["labels"] == ["negative", "positive"]
        assert config["tokenmill"]["causal"] is False  # averaged positions see the whole text
        assert read(folder / "normalization.json") == MEASURE
        assert ancestry.get("control", False) == (which == "control")
        assert ancestry["parent"] == gpt and ancestry["data"] == gpt["data"]
        assert ancestry["task"] == ancestry["finetune"]["task"] == "classification"
        assert ancestry["init_from"] == digest_tree(with_gpt / "data/models/gpt")
    assert (model / "model.safetensors").read_bytes() != (model / CONTROL / "model.safetensors").read_bytes()
    before = model_digest(model)
    (model / CONTROL / "model.safetensors").unlink()
    assert model_digest(model) == before
    curve = (with_gpt / "data/plots/finetune-sentiment.csv").read_text()
    assert "validation (pretrained)" in curve and "validation (control)" in curve


def test_settings_that_do_not_fit_the_encoder_are_refused(with_gpt: Path) -> None:
    params = with_gpt / "params.yaml"
    text = params.read_text()
    params.write_text(text.replace("max_tokens: 32", "max_tokens: 64"))
    output = run("stages.finetune", "sentiment")
    assert output.startswith("1\n") and "max_tokens is 64, but the context of data/models/gpt is 32" in output
    params.write_text(text.replace("ngrams: 2", "ngrams: 2, freeze: ['*']"))
    output = run("stages.finetune", "sentiment")
    assert output.startswith("1\n") and "finetune.sentiment.freeze leaves nothing to train" in output
    params.write_text(text)
    (with_gpt / "data/models/gpt/tokenizer.json").write_text("{}")
    output = run("stages.finetune", "sentiment")
    assert output.startswith("1\n") and "the model was trained with" in output and "Traceback" not in output


def test_a_chain_takes_the_backbone_and_a_new_head(project: Path) -> None:
    """From a classifier of two labels to one of four, which are other labels."""
    first = write_model(project / "data/models/first", "sequence-classifier", ngrams=2)
    write_project(
        project,
        finetune={"sentiment": {"init_from": "data/models/first", "learning_rate": 1e-9, "epochs": 1}},
    )
    path = project / "data/clean/documents/reviews.parquet"
    half = pl.when(pl.col("id").str.ends_with("0")).then(pl.lit("very ")).otherwise(pl.lit(""))
    pl.read_parquet(path).with_columns(label=half + pl.col("label")).write_parquet(path)
    output = run("stages.finetune", "sentiment")
    assert output.startswith("0\n"), output
    before, after = (load_model(folder)[0] for folder in (first, project / "data/models/sentiment"))
    assert after.config.labels == ("negative", "positive", "very negative", "very positive")
    for name, weight in before.state_dict().items():
        if name.startswith("backbone."):
            torch.testing.assert_close(after.state_dict()[name], weight, atol=1e-6, rtol=0)
    classifier = after.state_dict()["classifier.weight"]
    assert classifier.shape == (4, 32) and classifier.abs().max() < 1e-6, "it began with zeros"
    ancestry = read(project / "data/models/sentiment/ancestry.json")
    assert ancestry["parent"] == read(first / "ancestry.json")


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
    model = project / "data/models/sentiment"
    assert [read(folder / RECORD)["optimizer"] for folder in (model, model / CONTROL)] == ["adamw", "muon"]
    adapted, control = (read(folder / RECORD)["trained_parameters"] for folder in (model, model / CONTROL))
    assert adapted < control / 4
    before = load_file(theirs / "model.safetensors")
    after = load_file(project / "data/models/sentiment/model.safetensors")
    assert not [name for name in after if "lora" in name]
    for name, changed in (("attention.self.query", True), ("intermediate.dense", False)):
        place = f"encoder.layer.1.{name}.weight"
        assert torch.equal(before[place], after[f"bert.{place}"]) != changed, place
    loaded, vocabulary = load_model(model)
    assert loaded.config.family == "bert" and loaded.config.labels == ("negative", "positive")
    assert vocabulary.encode(["这本书"]) == load_model(theirs)[1].encode(["这本书"])
