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

import numpy as np
import pytest

from benchmarks import kill
from tests.stages.test_disk_full import in_little_space
from tests.tiny_project import write_params, write_project
from tokenmill.core.files import write_json
from tokenmill.model.folder import load_model
from tokenmill.objectives.batches import Objective
from tokenmill.pretraining.language import language_scores
from tokenmill.text.shards import open_split

STEPS = 250  # of 4 rows x 32 tokens: several epochs
TOKENS = STEPS * 4 * 32


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The stage as a command of its own."""
    environment = {**os.environ, "DVC_ROOT": str(folder)}
    words = [sys.executable, "-m", "stages.pretrain", *arguments]
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)


def finish(process: BaseProcess, folder: Path, status: int) -> str:
    """What a run printed, once it has ended with this status."""
    process.join(120)
    output = (folder / "output.txt").read_text("utf-8")
    assert process.exitcode == status, output
    return output


def wait_for(condition: Callable[[], bool], process: BaseProcess) -> None:
    deadline = time.monotonic() + 90
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
        patch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[3]))
        done = command(folder, "gpt")
    assert done.returncode == 0, done.stderr
    return folder


def test_it_learns_and_writes_a_folder_with_its_ancestry(whole: Path) -> None:
    metrics = json.loads((whole / "data/metrics/pretrain-gpt.json").read_text())
    curve = (whole / "data/plots/pretrain-gpt.csv").read_text().splitlines()
    assert metrics["steps"] == STEPS and metrics["tokens_seen"] == TOKENS and metrics["epochs"] > 2
    assert metrics["skipped_steps"] == 0 and metrics["kept_step"] == STEPS
    header = curve[0].split(",")
    first, last = (dict(zip(header, row.split(","), strict=True)) for row in (curve[1], curve[-1]))
    assert float(last["bits_per_byte"]) < 0.8 * float(first["bits_per_byte"])
    ancestry = json.loads((whole / "data/models/gpt/ancestry.json").read_text())
    assert ancestry["pretrain"]["layers"] == 1 and ancestry["data"] == {"clean": "x"}
    assert not list((whole / ".work/pretrain@gpt").glob("*/")), "the work folder is gone"


def test_the_folder_holds_the_model_that_was_measured(whole: Path, project: Path) -> None:
    write_project(project, pretrain={"gpt": {"tokens": 2560, "start": "random"}})
    kill.train(project, "gpt")
    for folder in (whole, project):
        validation = open_split(folder / "data/tokens", "validation")
        model, _ = load_model(folder / "data/models/gpt")
        figures = language_scores(
            model,
            validation.stream(),
            Objective("causal"),
            bytes_per_token=validation.bytes_per_text_token,
        )
        measured = json.loads((folder / "data/metrics/pretrain-gpt.json").read_text())["validation"]
        assert measured == pytest.approx(figures, rel=1e-5)


def test_killed_three_times_and_run_again_it_ends_with_the_same_bytes(whole: Path, project: Path) -> None:
    write_project(project, pretrain={"gpt": {"tokens": TOKENS}})
    outputs = kill.kill(project, "gpt", 3, longest=80, seed=9)
    assert not (project / "data/models").exists(), "published too early"
    outputs.append(kill.train(project, "gpt"))
    assert sum("continues at step" in output for output in outputs) >= 2
    assert kill.outs(project) == kill.outs(whole)


def test_sigterm_keeps_a_checkpoint_of_this_run_which_goes_on_as_one(project: Path) -> None:
    from tokenmill.jobs.tracking.store import client

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
    mlflow_client = client()
    [experiment] = mlflow_client.search_experiments(filter_string="name = 'tokenmill/pretrain'")
    [run] = mlflow_client.search_runs([experiment.experiment_id])
    assert run.info.status == "KILLED"

    # The same checkpoint in the place of another run's is refused.
    [kept] = checkpoints(project)
    write_params(project, pretrain={"gpt": {"tokens": 6400000, "learning_rate": 0.01}})
    process = kill.start(project, "gpt")
    wait_for(lambda: len(checkpoints(project)) == 2, process)
    process.kill()
    process.join()
    [other] = set(checkpoints(project)) - {kept}
    shutil.copy(kept, other)
    output = finish(kill.start(project, "gpt"), project, status=1)
    assert "of another run: pretrain.learning_rate is 0.02 there and 0.01 here; delete it" in output


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
    shard = tokens / "train-00000.npy"
    shard.write_bytes(shard.read_bytes()[:-64])


def empty_validation(tokens: Path) -> None:
    manifest = json.loads((tokens / "manifest.json").read_text("utf-8"))
    manifest["splits"]["validation"] = {"shards": [], "tokens": 0, "documents": 0, "bytes": 0}
    write_json(tokens / "manifest.json", manifest)


def small_vocabulary(tokens: Path) -> None:
    manifest = json.loads((tokens / "manifest.json").read_text("utf-8"))
    write_json(tokens / "manifest.json", {**manifest, "vocab_size": 300})


def strange_token(tokens: Path) -> None:
    shard = np.load(tokens / "train-00000.npy", mmap_mode="r+")
    shard[:] = 320


@pytest.mark.parametrize(
    ("harm", "start", "line"),
    [
        (cut_short, "random", "data/tokens/train-00000.npy: missing or cut short"),
        (empty_validation, "random", "data/tokens: the validation split is empty; give it a larger share"),
        (small_vocabulary, "random", "data/tokens: the tokenizer has 320 tokens, the manifest says 300"),
        (
            strange_token,
            "random",
            "token 320 is beyond the model's vocabulary of 320 in step 0 (its 4 rows begin at",
        ),
        (
            strange_token,
            "bigrams",
            "token 320 is beyond the model's vocabulary of 320 (at 0 of the training tokens); make the",
        ),
    ],
)
def test_bad_input_is_one_line_and_leaves_what_was_there(
    project: Path, harm: Callable[[Path], None], start: str, line: str
) -> None:
    write_project(project, pretrain={"gpt": {"start": start}})
    kept = project / "data/models/gpt"
    kept.mkdir(parents=True)
    (kept / "model.safetensors").write_bytes(b"before")
    harm(project / "data/tokens")
    output = finish(kill.start(project, "gpt"), project, status=1)
    assert output.strip().splitlines()[-1].startswith(f"error: {line}")
    assert "Traceback" not in output
    assert (kept / "model.safetensors").read_bytes() == b"before"


def test_rows_of_whole_documents_apart_and_the_best_weights(project: Path) -> None:
    changes = {"tokens": 6400, "packing": "apart", "keep": "best"}
    write_project(project, pretrain={"bert": changes})
    kill.train(project, "bert")
    metrics = json.loads((project / "data/metrics/pretrain-bert.json").read_text())
    assert 0 < metrics["packing_waste"] < 0.5  # texts of 20 tokens in rows of 32
    curve = (project / "data/plots/pretrain-bert.csv").read_text().splitlines()
    column = curve[0].split(",").index("loss")
    losses = [float(row.split(",")[column]) for row in curve[1:]]
    assert metrics["kept_step"] == 5 * (1 + losses.index(min(losses)))


def test_an_unknown_model_names_the_known_ones(project: Path) -> None:
    write_project(project)
    assert "give one of bert, gpt" in command(project, "gtp").stderr
