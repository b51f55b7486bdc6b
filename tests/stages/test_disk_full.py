"""A full disk: one clear line, nothing of before is lost, and the same command works once there is room."""

import errno
import importlib
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.kill.project import STAGES as EVERY
from benchmarks.kill.project import Project
from tests.conftest import ROOT
from tests.stages.data_project import write_params
from tokenmill.core.files import digest_tree
from tokenmill.jobs.process import disk_is_full

STAGES = ("ingest", "measure", "clean")
PAGES = "8k"
"""Two pages of memory: less than any stage of the small project writes."""
MOUNT = 'mount -t tmpfs -o size={} tmpfs .work && exec "$@"'


def in_little_space(size: str, *command: str) -> list[str]:
    """The command with a file system of that size at ``.work``, where stages write, for it alone."""
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-rm", "true"], capture_output=True).returncode:
        pytest.skip("needs a file system of its own: Linux with user namespaces")
    return [unshare, "-rm", "sh", "-c", MOUNT.format(size), "sh", *command]


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_on_a_full_disk(project: Path, stage: str) -> None:
    write_params(project, mine={"kind": "files", "paths": ["*.txt"], "language": "en"})
    draw = random.Random(1)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=9)) for _ in range(200_000)]
    lines = [" ".join(words[n : n + 20]) for n in range(0, len(words), 20)]
    (project / "data/sources").mkdir(parents=True)
    (project / "data/sources/a.txt").write_text("\n".join(lines), "utf-8")
    for before in STAGES[: STAGES.index(stage)]:
        subprocess.run([sys.executable, "-m", f"stages.{before}"], check=True, capture_output=True)
    out = project / {"ingest": "data/raw", "measure": "data/measured", "clean": "data/clean"}[stage]
    out.mkdir()
    (out / "before.txt").write_text("still here", "utf-8")
    (project / ".work").mkdir(exist_ok=True)
    command = [sys.executable, "-m", f"stages.{stage}"]
    full = subprocess.run(in_little_space("1m", *command), capture_output=True, text=True)
    assert full.returncode == 1
    (line,) = full.stderr.splitlines()
    assert line.startswith("error: the disk is full; free some space")
    assert (out / "before.txt").read_text("utf-8") == "still here"
    subprocess.run(command, check=True, capture_output=True)
    assert not (out / "before.txt").exists() and digest_tree(out)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project in which every stage has run; they find no MLflow, which takes no time."""
    folder = tmp_path_factory.mktemp("trained") / "project"
    Project(folder).write()
    (folder / "mlflow.py").write_text("raise ImportError('is not what is tested here')", "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "nowhere://")
        patch.setenv("DVC_ROOT", str(folder))
        patch.chdir(folder)
        for stage in EVERY:
            patch.setattr(sys, "argv", stage.split("@"))
            importlib.import_module(f"stages.{stage.partition('@')[0]}").main()
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("stage", EVERY)
def test_every_stage_on_a_full_disk_keeps_its_outs(
    trained: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    monkeypatch.chdir(trained)
    monkeypatch.setenv("DVC_ROOT", str(trained))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    before = digest_tree(trained / "data")
    command = [sys.executable, "-m", *f"stages.{stage}".split("@")]
    full = subprocess.run(in_little_space(PAGES, *command), capture_output=True, text=True)
    assert full.returncode == 1, full.stdout + full.stderr
    (line,) = [line for line in full.stderr.splitlines() if not line.startswith("warning: ")]
    assert line.startswith("error: the disk is full; free some space")
    assert digest_tree(trained / "data") == before
    subprocess.run(command, check=True, capture_output=True)


@pytest.mark.parametrize("write", ["polars", "numpy", "python"])
def test_what_libraries_say(write: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with pytest.raises(Exception) as stopped:
        if write == "polars":
            pl.DataFrame({"text": ["x"] * 1000}).write_parquet("/dev/full")
        elif write == "numpy":
            with open("/dev/full", "wb") as file:
                np.save(file, np.zeros(100_000))
        else:
            Path("/dev/full").write_text("x" * 100_000)
    assert disk_is_full(stopped.value)


def test_other_errors_are_not_taken_for_it() -> None:
    assert not disk_is_full(OSError(errno.EACCES, "Permission denied"))
    assert not disk_is_full(ValueError("28"))
    try:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError:
            raise RuntimeError("while saying so") from None
    except RuntimeError as error:
        assert disk_is_full(error)
