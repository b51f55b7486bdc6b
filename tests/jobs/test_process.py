"""What launchers left in the environment is not taken for word about this process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stages.data_project import write_params
from tests.tiny_project import write_project
from tokenmill.core.errors import UserError
from tokenmill.jobs.process import NODE, SLURM, TORCHRUN, forget_launchers, is_global_zero

TORCHRUN_LEFT = {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "x"}
SLURM_LEFT = {"SLURM_PROCID": "1", "SLURM_LOCALID": "1", "SLURM_NTASKS": "2", "SLURM_JOB_ID": "7"}


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*TORCHRUN, *SLURM, *NODE, "SLURM_JOB_NAME", "SLURM_NTASKS_PER_NODE"):
        monkeypatch.setenv(name, "")  # so that it is put back as it was
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("processes", "there", "stay"),
    [
        (None, TORCHRUN_LEFT | SLURM_LEFT | {"NODE_RANK": "1"}, set()),
        (1, {"RANK": "1"} | SLURM_LEFT | {"NODE_RANK": "1"}, set()),
        (1, TORCHRUN_LEFT, set(TORCHRUN_LEFT)),  # refused where WORLD_SIZE is compared with params.yaml
        (2, {"RANK": "1", "LOCAL_RANK": "1"}, set()),
        (2, {"RANK": "1", "NODE_RANK": "1"}, {"NODE_RANK"}),
        (2, TORCHRUN_LEFT, set(TORCHRUN_LEFT)),
        (2, SLURM_LEFT | {"SLURM_NTASKS_PER_NODE": "2"}, set(SLURM_LEFT) - {"SLURM_JOB_ID"}),
    ],
    ids=["data stage", "alone", "alone, counted", "ranks only", "by hand", "torchrun", "SLURM"],
)
def test_what_is_forgotten(
    monkeypatch: pytest.MonkeyPatch, processes: int | None, there: dict[str, str], stay: set[str]
) -> None:
    for name, value in there.items():
        monkeypatch.setenv(name, value)
    forget_launchers(processes)
    assert {*TORCHRUN, *SLURM, *NODE} & os.environ.keys() == stay
    assert is_global_zero() == (not stay)


@pytest.mark.parametrize("change", [{"SLURM_NTASKS": "4"}, {"SLURM_NTASKS_PER_NODE": None}])
def test_slurm_that_started_another_number(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, str | None]
) -> None:
    for name, value in (SLURM_LEFT | {"SLURM_NTASKS_PER_NODE": "2"} | change).items():
        if value is not None:
            monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=r"SLURM_NTASKS: \d, but params\.yaml says .* = 2; start the stage"):
        forget_launchers(2)
    monkeypatch.setenv("SLURM_JOB_NAME", "interactive")
    forget_launchers(2)


def test_stages_below_torchrun_and_slurm_are_the_only_process(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (SLURM_LEFT | TORCHRUN_LEFT).items():
        monkeypatch.setenv(name, value)
    write_params(project, mine={"kind": "files", "paths": ["*.txt"], "language": "en"})
    (project / "data/sources").mkdir(parents=True)
    (project / "data/sources/a.txt").write_text("a text\n", "utf-8")
    done = subprocess.run([sys.executable, "-m", "stages.ingest"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (project / "data/raw").is_dir()


@pytest.mark.parametrize("left", [{"RANK": "1"}, SLURM_LEFT], ids=["RANK", "SLURM"])
def test_a_training_with_a_rank_left_over(
    project: Path, monkeypatch: pytest.MonkeyPatch, left: dict[str, str]
) -> None:
    for name, value in left.items():
        monkeypatch.setenv(name, value)
    write_project(project, pretrain={"gpt": {"tokens": 640}})
    line = [sys.executable, "-m", "stages.pretrain", "gpt"]
    done = subprocess.run(line, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert (project / "data/models/gpt").is_dir()
