"""The pretrain stage as people run it: whole, killed and continued, stopped, and given bad input."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.tiny_project import write_project

STEPS = 50  # 6400 tokens in batches of 4 x 32


def start(model: str, folder: Path, home: Path) -> subprocess.Popen[str]:
    """The stage as a process; its work folder stands under ``home``."""
    environment = {**os.environ, "DVC_ROOT": str(home)}
    return subprocess.Popen(
        [sys.executable, "-m", "stages.pretrain", model],
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def finish(process: subprocess.Popen[str], status: int = 0) -> str:
    output, _ = process.communicate(timeout=120)
    assert process.returncode == status, output
    return output


def files(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def wait_for(condition, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, migrated_store: Path) -> Path:
    """A project in which gpt was trained without interruption."""
    folder = tmp_path_factory.mktemp("whole")
    write_project(folder)
    (folder / "mlflow.db").write_bytes(migrated_store.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[3]))
        finish(start("gpt", folder, folder))
    return folder


def test_it_learns_and_writes_a_folder_with_its_ancestry(whole: Path) -> None:
    metrics = json.loads((whole / "data/metrics/pretrain-gpt.json").read_text())
    curve = (whole / "data/plots/pretrain-gpt.csv").read_text().splitlines()
    assert metrics["steps"] == STEPS and metrics["tokens_seen"] == 6400
    header = curve[0].split(",")
    first, last = (dict(zip(header, row.split(","), strict=True)) for row in (curve[1], curve[-1]))
    assert float(last["bits_per_byte"]) < 0.8 * float(first["bits_per_byte"])
    ancestry = json.loads((whole / "data/models/gpt/ancestry.json").read_text())
    assert ancestry["pretrain"]["layers"] == 1 and ancestry["data"] == {"clean": "x"}
    assert not list((whole / ".work/pretrain@gpt").glob("*/")), "the work folder is gone"


def test_kill_9_and_the_same_command_again_give_the_same_bytes(whole: Path, project: Path) -> None:
    write_project(project)
    process = start("gpt", project, project)
    checkpoint = lambda: list(project.glob(".work/pretrain@gpt/*/last.ckpt"))  # noqa: E731
    wait_for(checkpoint, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (project / "data/models").exists(), "killed too late for the test, or published too early"
    output = finish(start("gpt", project, project))
    assert "continues at step" in output
    for part in ("models", "metrics", "plots"):
        assert files(project / "data" / part) == files(whole / "data" / part)


def test_sigterm_keeps_a_checkpoint_and_the_run_goes_on_as_one(project: Path) -> None:
    from stages.tracking import client

    write_project(project, pretrain={"gpt": {"tokens": 6400000}})  # far more than it gets time for
    outputs = []
    for _ in range(2):
        process = start("gpt", project, project)
        stands = checkpoints(project)
        wait_for(lambda: checkpoints(project) != stands, process)  # noqa: B023
        process.terminate()
        outputs.append(finish(process, status=143))
    assert all("stopping after this step" in output and "Traceback" not in output for output in outputs)
    assert "continues at step" not in outputs[0] and "continues at step" in outputs[1]
    mlflow_client = client()
    [experiment] = mlflow_client.search_experiments(filter_string="name = 'tokenmill/pretrain'")
    [run] = mlflow_client.search_runs([experiment.experiment_id])
    assert run.info.status == "KILLED"


def checkpoints(project: Path) -> dict[Path, int]:
    """Each checkpoint in the work folders and when it was written."""
    return {path: path.stat().st_mtime_ns for path in project.glob(".work/pretrain@gpt/*/last.ckpt")}


def test_bad_input_is_one_line_and_leaves_what_was_there(project: Path) -> None:
    write_project(project)
    kept = project / "data/models/gpt"
    kept.mkdir(parents=True)
    (kept / "model.safetensors").write_bytes(b"before")
    shard = project / "data/tokens/train-00000.npy"
    shard.write_bytes(shard.read_bytes()[:-64])
    output = finish(start("gpt", project, project), status=1)
    assert (
        output.strip().splitlines()[-1].startswith("error: data/tokens/train-00000.npy: missing or cut short")
    )
    assert "Traceback" not in output
    assert (kept / "model.safetensors").read_bytes() == b"before"


def test_an_unknown_model_names_the_known_ones(project: Path) -> None:
    write_project(project)
    assert "give one of bert, gpt" in finish(start("gtp", project, project), status=1)
