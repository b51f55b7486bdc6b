"""The pretrain stage as people run it: whole, killed and continued, stopped, and given bad input."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from benchmarks.kill import training as kill
from tests.jobs.tracking.helpers import runs_of
from tests.stages.test_disk_full import in_little_space
from tests.tiny_models import write_model
from tests.tiny_project import SOURCES, write_params, write_project
from tokenmill.core.errors import UserError
from tokenmill.core.files import digest_tree, write_json
from tokenmill.model.folder import load_model
from tokenmill.objectives.causal import Causal
from tokenmill.pretraining.language import language_scores
from tokenmill.pretraining.settings import BIGRAMS, RANDOM, PretrainSettings
from tokenmill.pretraining.setup import set_up
from tokenmill.text.shards import open_split, read_manifest, split_totals
from tokenmill.training.record import RECORD

STEPS = 250  # of 4 rows x 32 tokens: several epochs
TOKENS = STEPS * 4 * 32
SHARDS = Path("data/tokens/chinese")


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The stage as a command of its own."""
    environment = {**os.environ, "DVC_ROOT": str(folder)}
    words = [sys.executable, "-m", "stages.pretrain", *arguments]
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)


def finish(process: BaseProcess, folder: Path, status: int) -> str:
    """What a run printed, once it has ended with this status."""
    process.join(900)
    output = (folder / "output.txt").read_text("utf-8")
    assert process.exitcode == status, output
    return output


def wait_for(condition: Callable[[], bool], process: BaseProcess) -> None:
    deadline = time.monotonic() + 900
    while not condition():
        assert process.is_alive() and time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, migrated_store: Path) -> Path:
    """A project in which gpt was trained without interruption."""
    folder = tmp_path_factory.mktemp("whole")
    write_project(folder, pretrain={"gpt": {"tokens": TOKENS}})
    (folder / "mlflow.db").write_bytes(migrated_store.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
        done = command(folder, "gpt")
    assert done.returncode == 0, done.stderr
    return folder


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def test_it_learns_and_writes_a_folder_with_its_ancestry(whole: Path) -> None:
    model = whole / "data/models/gpt"
    metrics, record = read(whole / "data/metrics/pretrain-gpt.json"), read(model / RECORD)
    curve = (whole / "data/plots/pretrain-gpt.csv").read_text().splitlines()
    assert record["steps"] == record["kept_step"] == STEPS and record["epochs"] > 2
    assert metrics["tokens_seen"] == record["tokens_seen"] == TOKENS
    assert record["skipped_steps"] == 0 and record["computed"]["threads"] == 1
    header = curve[0].split(",")
    first, last = (dict(zip(header, row.split(","), strict=True)) for row in (curve[1], curve[-1]))
    assert float(last["bits_per_byte"]) < 0.8 * float(first["bits_per_byte"])
    ancestry = read(model / "ancestry.json")
    assert ancestry["pretrain"]["layers"] == 1 and ancestry["sources"] == list(SOURCES)
    assert ancestry["data"] == {"clean": "x", "raw": {name: f"digest of {name}" for name in SOURCES}}
    assert not {"init_from", "parent"} & ancestry.keys()
    assert not list((whole / ".work/pretrain@gpt").glob("*/")), "the work folder is gone"


def test_the_folder_holds_the_model_that_was_measured(whole: Path, project: Path) -> None:
    write_project(project, pretrain={"gpt": {"tokens": 2560, "init_from": RANDOM}})
    kill.train(project, "gpt")
    for folder in (whole, project):
        validation = open_split(folder / SHARDS, "validation")
        model, _ = load_model(folder / "data/models/gpt")
        figures = language_scores(
            model,  # type: ignore[arg-type]
            validation.stream(),
            Causal(),
            bytes_per_token=validation.bytes_per_text_token,
        )
        measured = read(folder / "data/metrics/pretrain-gpt.json")["validation"]
        assert measured == pytest.approx(figures, rel=1e-5)


def test_some_of_the_sources(project: Path) -> None:
    write_project(project, pretrain={"gpt": {"tokens": 640, "sources": ["reviews"]}})
    kill.train(project, "gpt")
    ancestry = read(project / "data/models/gpt/ancestry.json")
    assert ancestry["sources"] == ["reviews"]
    assert ancestry["data"]["raw"] == {"reviews": "digest of reviews"}
    record = read(project / "data/models/gpt" / RECORD)
    train = split_totals(read_manifest(project / SHARDS), "train", ["reviews"])
    assert record["epochs"] == pytest.approx(640 / train["tokens"], abs=1e-3)
    write_params(project, pretrain={"gpt": {"sources": ["dialogues-zh"]}})
    output = finish(kill.start(project, "gpt"), project, status=1)
    assert 'pretrain.gpt.sources names "dialogues-zh", which does not stand under' in output


CONTINUED = {"family": None, "layers": None, "width": None, "heads": None, "context": None, "tokens": 640}


def test_it_goes_on_from_a_model_and_keeps_the_whole_ancestry(whole: Path, project: Path) -> None:
    init_from = "data/models/first"
    write_project(project, pretrain={"gpt": {**CONTINUED, "init_from": init_from, "learning_rate": 0.001}})
    first = shutil.copytree(whole / "data/models/gpt", project / init_from)
    kill.train(project, "gpt")
    before, after = (read(f / "data/metrics/pretrain-gpt.json")["validation"] for f in (whole, project))
    assert after["loss"] == pytest.approx(before["loss"], rel=0.1), "it began with the weights of the first"
    weights = [load_file(folder / "model.safetensors") for folder in (first, project / "data/models/gpt")]
    assert weights[0].keys() == weights[1].keys()
    assert not all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    ancestry = read(project / "data/models/gpt/ancestry.json")
    assert ancestry["init_from"] == digest_tree(first)
    assert ancestry["parent"] == read(first / "ancestry.json")


def test_it_goes_on_from_a_folder_in_their_layout_with_a_shorter_context(project: Path) -> None:
    init_from = "data/sources/theirs"
    changes = {**CONTINUED, "context": 16, "init_from": init_from}
    write_project(project, pretrain={"bert": changes}, finetune={"sentiment": {"max_tokens": 16}})
    theirs = write_model(project / init_from, "masked-lm", family="bert", context=32)
    config = read(theirs / "config.json")
    del config["tokenmill"]
    write_json(theirs / "config.json", config)
    (theirs / "ancestry.json").unlink()
    kill.train(project, "bert")
    model, _ = load_model(project / "data/models/bert")
    assert model.config.family == "bert" and model.config.context == 16
    ancestry = read(project / "data/models/bert/ancestry.json")
    assert "init_from" in ancestry and "parent" not in ancestry


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"objective": "masked"},
            "params.yaml: pretrain.gpt.objective masked trains a masked-lm model, but data/models/first is a "
            "causal-lm model; use an objective for that kind, or another model in init_from",
        ),
        (
            {"context": 64},
            "params.yaml: pretrain.gpt.context is 64, but that of data/models/first is 32; lower",
        ),
        (
            {"tokenizer": "other"},
            "params.yaml: pretrain.gpt.tokenizer is other, but the model in init_from has another tokenizer; "
            "name the one that it was trained with, or an entry of tokenize with `from_pretrained: "
            "data/models/first`",
        ),
    ],
)
def test_a_model_that_does_not_fit_is_one_line(project: Path, changes: dict[str, Any], line: str) -> None:
    write_project(project)
    write_model(project / "data/models/first")
    (project / "data/models/first-tokenizer").rename(project / "data/tokens/own")
    if "tokenizer" in changes:
        other = shutil.copytree(project / SHARDS, project / "data/tokens/other")
        tokenizer = read(other / "tokenizer.json")
        tokenizer["model"]["continuing_subword_prefix"] = ""
        write_json(other / "tokenizer.json", tokenizer)
    settings = PretrainSettings.model_validate(
        {
            "objective": "causal",
            "tokenizer": "chinese",
            "init_from": "data/models/first",
            "tokens": 640,
            "seed": 1,
        }
        | changes
    )
    with pytest.raises(UserError) as refused:
        set_up("gpt", settings, Path("data/tokens") / settings.tokenizer)
    assert str(refused.value).startswith(line)


def test_killed_three_times_and_run_again_it_ends_with_the_same_bytes(whole: Path, project: Path) -> None:
    every_step = {"checkpoint_every_seconds": kill.EVERY_STEP}
    write_project(project, pretrain={"gpt": {"tokens": TOKENS}}, runtime=every_step)
    outputs = kill.kill(project, "gpt", 3, longest=STEPS // 3 - 2, seed=9)
    assert not (project / "data/models").exists(), "published too early"
    outputs.append(kill.train(project, "gpt"))
    assert sum("continues at step" in output for output in outputs) >= 2
    assert kill.outs(project) == kill.outs(whole)


def test_sigterm_keeps_a_checkpoint_of_this_run_which_goes_on_as_one(project: Path) -> None:
    write_project(project, pretrain={"gpt": {"tokens": 6400000}})  # far more than it gets time for
    outputs = []
    for _ in range(2):
        stands = checkpoints(project)
        process = kill.start(project, "gpt")
        wait_for(lambda: checkpoints(project) != stands, process)  # noqa: B023
        process.terminate()
        outputs.append(finish(process, project, status=143))
    assert all("stopping after this step" in output and "Traceback" not in output for output in outputs)
    assert "continues at step" not in outputs[0] and "continues at step" in outputs[1]
    [run] = runs_of("pretrain")
    assert run.info.status == "KILLED"


def checkpoints(project: Path) -> dict[Path, int]:
    """Each checkpoint in the work folders and when it was written."""
    return {path: path.stat().st_mtime_ns for path in project.glob(".work/pretrain@gpt/*/last.ckpt")}


def test_a_disk_that_fills_while_a_checkpoint_is_written(whole: Path, project: Path) -> None:
    write_project(project, pretrain={"gpt": {"tokens": TOKENS}})
    (project / ".work").mkdir()
    stage = f"{sys.executable} -m stages.pretrain gpt"
    # Room for one checkpoint, not for the next beside it; then there is room again.
    twice = f"{stage}; echo status $?; ls .work/pretrain@gpt/*/; mount -o remount,size=16m .work; {stage}"
    done = subprocess.run(in_little_space("400k", "sh", "-c", twice), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        "error: the disk is full; free some space, then run the same command again "
        "(outputs of earlier runs are as they were)"
    ]
    first, second = done.stdout.split("status 1\n")
    assert "last.ckpt" in second and ".tmp" not in second
    assert "continues at step" not in first and "continues at step" in second
    assert kill.outs(project) == kill.outs(whole)


def cut_short(tokens: Path) -> None:
    shard = tokens / "train-reviews-00000.npy"
    shard.write_bytes(shard.read_bytes()[:-64])


def empty_validation(tokens: Path) -> None:
    manifest = json.loads((tokens / "manifest.json").read_text("utf-8"))
    for source in manifest["sources"].values():
        source["validation"] = {"shards": [], "tokens": 0, "documents": 0, "bytes": 0}
    write_json(tokens / "manifest.json", manifest)


def small_vocabulary(tokens: Path) -> None:
    manifest = json.loads((tokens / "manifest.json").read_text("utf-8"))
    write_json(tokens / "manifest.json", {**manifest, "vocab_size": 300})


def strange_token(tokens: Path) -> None:
    for source in SOURCES:
        shard = np.load(tokens / f"train-{source}-00000.npy", mmap_mode="r+")
        shard[:] = 320


@pytest.mark.parametrize(
    ("harm", "init_from", "line"),
    [
        (cut_short, RANDOM, "data/tokens/chinese/train-reviews-00000.npy: missing or cut short"),
        (
            empty_validation,
            RANDOM,
            "data/tokens/chinese: the validation split is empty; give it a larger share",
        ),
        (
            small_vocabulary,
            RANDOM,
            "data/tokens/chinese: the tokenizer has 320 tokens, the manifest says 300",
        ),
        (
            strange_token,
            RANDOM,
            "token 320 is beyond the model's vocabulary of 320 in step 0 (its 4 rows begin at",
        ),
        (
            strange_token,
            BIGRAMS,
            "token 320 is beyond the model's vocabulary of 320 (at 0 of the training tokens); make the",
        ),
    ],
)
def test_bad_input_is_one_line_and_leaves_what_was_there(
    project: Path, harm: Callable[[Path], None], init_from: str, line: str
) -> None:
    write_project(project, pretrain={"gpt": {"init_from": init_from}})
    kept = project / "data/models/gpt"
    kept.mkdir(parents=True)
    (kept / "model.safetensors").write_bytes(b"before")
    harm(project / SHARDS)
    output = finish(kill.start(project, "gpt"), project, status=1)
    assert output.strip().splitlines()[-1].startswith(f"error: {line}")
    assert "Traceback" not in output
    assert (kept / "model.safetensors").read_bytes() == b"before"


def test_rows_of_whole_isolated_documents_and_the_best_weights(project: Path) -> None:
    changes = {"tokens": 6400, "packing": "isolated", "keep": "best"}
    write_project(project, pretrain={"bert": changes})
    kill.train(project, "bert")
    record = read(project / "data/models/bert" / RECORD)
    assert 0 < record["packing_waste"] < 0.5  # texts of 20 tokens in rows of 32
    curve = (project / "data/plots/pretrain-bert.csv").read_text().splitlines()
    column = curve[0].split(",").index("loss")
    losses = [float(row.split(",")[column]) for row in curve[1:]]
    assert record["kept_step"] == 5 * (1 + losses.index(min(losses)))


def test_an_unknown_model_names_the_known_ones(project: Path) -> None:
    write_project(project)
    assert "give an entry of pretrain (bert, gpt, t5)" in command(project, "gtp").stderr
