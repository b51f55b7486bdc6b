"""kill -9 between a stage's end and that of dvc: finished work is published again, and not kept for ever."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tokenmill.jobs.finished import is_finished, is_recorded
from tokenmill.jobs.job import Republished, job
from tokenmill.jobs.starter import STARTER
from tokenmill.jobs.work import UNFINISHED

# `first` writes a folder and a file, from a checkpoint that is larger than both; `second` reads the folder.
STAGE = """\
import sys
from pathlib import Path
from ruamel.yaml import YAML
from tokenmill.jobs.job import job, run_main


def settings():
    return YAML(typ="safe").load(Path("params.yaml"))


def first():
    outs = {"model": Path("data/model"), "metrics": Path("data/metrics.json")}
    with job("first", settings=settings, inputs={}, outs=outs) as this:
        (this.work / "last.ckpt").write_bytes(b"0" * 10_000)
        (this.out["model"] / "more").mkdir(parents=True)
        (this.out["model"] / "more" / "weights").write_text(f"weights {settings()}")
        this.write_metrics({"loss": 0.5})
        with open("runs.log", "a") as log:
            log.write("first ")


def second():
    inputs, outs = {"model": Path("data/model")}, {"out": Path("out")}
    with job("second", settings=dict, inputs=inputs, outs=outs) as this:
        this.out["out"].write_text("out")


run_main(first if sys.argv[1] == "first" else second)
"""
# When the stage has ended well, and there is a file `kill`, dvc is killed before it can look at the outs.
DVC_YAML = """\
stages:
  first:
    cmd: python stage.py first && if [ -e kill ]; then kill -9 $PPID; fi
    params: [size]
    deps: [stage.py]
    outs: [data/model]
    metrics: [data/metrics.json: {cache: false}]
  second:
    cmd: python stage.py second
    deps: [data/model]
    outs: [out]
"""


@pytest.fixture
def repo(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of DVC with two stages; they find no MLflow, which takes no time."""
    for name in (STARTER, "DVC_STAGE", "DVC_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setenv("SHELL", "/bin/sh")
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    no_mlflow = "raise ImportError('takes seconds, and is not what is tested here')"
    made = {"stage.py": STAGE, "dvc.yaml": DVC_YAML, "params.yaml": "size: 1\n", "mlflow.py": no_mlflow}
    for name, text in made.items():
        (project / name).write_text(text, "utf-8")
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], check=True)
    return project


def repro(*arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "dvc", "repro", *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def kept() -> list[Path]:
    return [path for path in Path(".work").glob("*/*") if path.is_dir()]


def test_dvc_killed_before_it_took_the_outs(repo: Path) -> None:
    (repo / "kill").touch()
    assert repro().returncode == -9
    published = files(repo / "data")
    assert sorted(published) == ["metrics.json", "model/more/weights"]
    assert not (repo / "dvc.lock").exists()
    [work] = kept()
    assert sorted(path.name for path in work.iterdir()) == ["finished.json", "out", "time.json"]

    (repo / "kill").unlink()
    done = repro("first")
    assert done.returncode == 0, done.stderr
    assert "first: was finished when dvc was stopped; published again" in done.stdout
    assert (repo / "runs.log").read_text() == "first "
    assert {name: data for name, data in files(repo / "data").items() if name != ".gitignore"} == published
    assert is_finished(work) and is_recorded("first", work)

    # dvc.lock has it: the next stage's start takes it away, and whoever wants it computed again gets that.
    assert repro("-s", "-f", "first").returncode == 0
    assert (repo / "runs.log").read_text() == "first first "
    assert repro().returncode == 0
    assert [path.parent.name for path in kept()] == ["second"]


def test_settings_that_were_changed_meanwhile_are_computed(repo: Path) -> None:
    (repo / "kill").touch()
    assert repro().returncode == -9
    (repo / "kill").unlink()
    (repo / "params.yaml").write_text("size: 2\n", "utf-8")
    assert repro().returncode == 0
    assert (repo / "runs.log").read_text() == "first first "
    assert (repo / "data/model/more/weights").read_text() == "weights {'size': 2}"


@pytest.fixture
def under_dvc(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As a stage finds it that dvc runs."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nowhere://")
    monkeypatch.setenv("DVC_STAGE", "toy")
    return project


def run(size: int = 1) -> str:
    """A stage whose out is a folder of two files; its key."""
    with job("toy", settings=lambda: {"size": size}, inputs={}, outs={"out": Path("data/out")}) as this:
        this.out["out"].mkdir()
        for name in ("a", "b"):
            (this.out["out"] / name).write_text(name * size)
    return this.key


def test_what_stays_takes_no_room(under_dvc: Path) -> None:
    run()
    place = Path("data/out/a").stat()
    assert [path.stat().st_ino for path in kept()[0].rglob("a")] == [place.st_ino]
    with pytest.raises(Republished):
        run()
    assert sorted(files(under_dvc / "data/out")) == ["a", "b"]


@pytest.mark.parametrize("change", ["edited in place", "other content of that size", "removed there"])
def test_what_was_changed_since_is_computed_again(under_dvc: Path, change: str) -> None:
    run()
    if change == "removed there":
        next(kept()[0].rglob("a")).unlink()
    else:
        Path("data/out/a").write_text("edited" if change == "edited in place" else "x")
    run()
    assert files(under_dvc / "data/out") == {"a": b"a", "b": b"b"}


def test_without_dvc_nothing_stays(under_dvc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run()
    monkeypatch.delenv("DVC_STAGE")
    run()
    assert kept() == []


def test_where_there_are_no_hard_links_the_outs_are_moved(
    under_dvc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object, **__: object) -> None:
        raise PermissionError("not on this file system")

    monkeypatch.setattr(os, "link", link)
    run()
    run()
    assert files(under_dvc / "data/out") == {"a": b"a", "b": b"b"}
    assert kept() == []
    assert [path.name for path in Path("data").iterdir()] == ["out"]


def test_finished_work_does_not_pile_up(under_dvc: Path) -> None:
    for size in range(1, 6):
        os.utime(under_dvc / ".work/toy" / run(size) / "time.json", (size, size))
    assert len(kept()) == UNFINISHED + 1
    shutil.rmtree(".work")
    assert run(3), "it may be removed at any time"
