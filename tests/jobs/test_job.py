"""How a stage runs: kills, stops, mistakes, and what is left behind by each."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.tracking.helpers import runs_of
from tokenmill.core.errors import Stopped, UserError
from tokenmill.core.files import write_json
from tokenmill.jobs.job import job, run_main
from tokenmill.jobs.tracking.store import client
from tokenmill.jobs.work import UNFINISHED, begin

TOY = '''
"""A stage that counts to ten in its work folder, slowly where it is told to, and writes what it counted."""
import os
import time
from pathlib import Path

from tokenmill.core.errors import UserError
from tokenmill.jobs.job import job, run_main


def main() -> None:
    inputs, outs = {"text": Path("text")}, {"model": Path("out/model"), "metrics": Path("out/toy.json")}
    with job("toy", settings=lambda: {"size": {"width": 8}}, inputs=inputs, outs=outs) as this:
        counter = this.work / "counter"
        started_at = int(counter.read_text()) if counter.exists() else 0
        for number in range(started_at, 10):
            counter.write_text(str(number + 1))
            this.run.log_metrics({"train/loss": 1 / (number + 1)}, step=number)
            if number == 4:
                this.run.flush()
                print("half", flush=True)
                time.sleep(float(os.environ.get("PAUSE", "0")))
        if Path("bad").exists():
            raise UserError("text: has a bad line 3; remove it")
        this.out["model"].mkdir()
        (this.out["model"] / "weights").write_text("weights")
        this.write_metrics({"counted": 10, "by": {"letters": 0.5}, "note": "text"})
        Path("resumed_at").write_text(str(started_at))


run_main(main)
'''


@pytest.fixture
def toy(project: Path) -> Path:
    """A project with the toy stage and its input."""
    (project / "toy.py").write_text(TOY, "utf-8")
    (project / "text").write_text("abc", "utf-8")
    return project


def start(pause: float = 0, **environment: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PAUSE": str(pause), **environment}
    return subprocess.Popen(
        [sys.executable, "toy.py"], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def start_and_wait_for_half(**environment: str) -> subprocess.Popen[str]:
    process = start(pause=120, **environment)
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n", process.communicate()[1]
    return process


def runs() -> list[Any]:
    return runs_of("toy")


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def test_killed_in_the_middle_and_run_again(toy: Path) -> None:
    process = start_and_wait_for_half()
    # A second process on the same settings, while the first one works.
    second = start()
    out, err = second.communicate(timeout=120)
    assert (second.returncode, out) == (1, "")
    assert err == "error: toy is already running with these settings; wait for it or stop it\n"

    process.kill()
    process.communicate()
    assert not (toy / "out").exists()
    [killed] = runs()
    assert killed.info.status == "RUNNING"
    [work] = (path for path in (toy / ".work" / "toy").iterdir() if path.is_dir())

    again = start()
    assert again.communicate(timeout=120)[1] == ""
    assert again.returncode == 0
    assert (toy / "resumed_at").read_text() == "5"
    [run] = runs()
    assert (run.info.run_id, run.info.status) == (killed.info.run_id, "FINISHED")
    assert run.data.tags["process"].endswith(f":{again.pid}")
    assert run.data.metrics["counted"] == 10
    assert run.data.metrics["by/letters"] == 0.5
    # Steps 0 to 4 were sent before the kill, 5 to 9 after it.
    history = client().get_metric_history(run.info.run_id, "train/loss")
    assert [metric.step for metric in sorted(history, key=lambda m: m.step)] == list(range(10))

    interrupted = files_below(toy / "out")
    assert sorted(interrupted) == ["model/weights", "toy.json"]
    assert not work.exists()
    last = json.loads((toy / ".work" / "toy" / "last.json").read_text())
    assert (last["key"], last["run_id"]) == (work.name, run.info.run_id)
    assert [p.name for p in work.parent.iterdir()] == ["last.json"], "neither work nor lock is left"

    (toy / "out" / "model" / "weights").unlink()
    assert start().wait(timeout=120) == 0
    assert files_below(toy / "out") == interrupted
    assert (toy / "resumed_at").read_text() == "0", "a finished run's work is not taken up again"


def test_time_of_interrupted_processes_counts_up_to_what_they_wrote_last(tmp_path: Path) -> None:
    assert begin(tmp_path) == 0
    write_json(tmp_path / "time.json", {"began": 1000.0, "before": 50.0})
    os.utime(tmp_path / "time.json", (1000, 1000))
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "last.ckpt").write_text("x")
    os.utime(tmp_path / "parts" / "last.ckpt", (1070, 1070))
    assert begin(tmp_path) == 120
    assert json.loads((tmp_path / "time.json").read_text())["before"] == 120


def test_asked_to_stop(toy: Path) -> None:
    (toy / "out" / "model").mkdir(parents=True)
    (toy / "out" / "model" / "weights").write_text("older")
    process = start_and_wait_for_half()
    process.terminate()
    process.terminate()  # the flow and DVC may both pass it on
    assert process.communicate(timeout=120)[1] == "stopped; run the same command again to continue\n"
    assert process.returncode == 143
    assert [run.info.status for run in runs()] == ["KILLED"]
    assert files_below(toy / "out") == {"model/weights": b"older"}
    assert start().wait(timeout=120) == 0
    assert (toy / "resumed_at").read_text() == "5"
    assert [run.info.status for run in runs()] == ["FINISHED"]


def test_a_mistake_costs_one_line_and_the_outs_stay(toy: Path) -> None:
    (toy / "out").mkdir()
    write_json(toy / "out" / "toy.json", {"older": True})
    (toy / "bad").touch()
    process = start()
    assert process.communicate(timeout=120) == ("half\n", "error: text: has a bad line 3; remove it\n")
    assert process.returncode == 1
    assert [run.info.status for run in runs()] == ["FAILED"]
    assert json.loads((toy / "out" / "toy.json").read_text()) == {"older": True}


def test_a_missing_input_is_named_before_any_work(toy: Path) -> None:
    (toy / "text").unlink()
    process = start()
    assert process.communicate(timeout=120)[1] == (
        "error: text: missing (toy reads it as text); make it with `dvc repro toy`\n"
    )
    assert process.returncode == 1
    assert not (toy / ".work").exists()


def test_a_store_out_of_reach_costs_one_line_and_not_the_result(toy: Path) -> None:
    process = start(MLFLOW_TRACKING_URI="http://person:secret@127.0.0.1:9/path")  # nobody listens there
    err = process.communicate(timeout=120)[1]
    assert process.returncode == 0, err
    assert [line.partition(":")[0] for line in err.splitlines()] == ["warning"]
    assert "http://***@127.0.0.1:9/path" in err
    assert "secret" not in err and "person" not in err
    assert sorted(files_below(toy / "out")) == ["model/weights", "toy.json"]


def write_out(this: Any, text: str = "x") -> None:
    this.out["out"].write_text(text, "utf-8")


@pytest.fixture
def offline(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose MLflow store is refused at once: for what has nothing to do with tracking."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nowhere://")
    return project


def keys(folder: Path) -> set[str]:
    return {path.name for path in (folder / ".work" / "toy").iterdir() if path.is_dir()}


def test_work_is_kept_for_equal_settings_and_inputs_only(offline: Path) -> None:
    (offline / "text").write_text("abc", "utf-8")
    seen = []

    def attempt(settings: dict[str, Any]) -> None:
        with (
            pytest.raises(ValueError, match="broken"),
            job(
                "toy", settings=lambda: settings, inputs={"text": Path("text")}, outs={"out": Path("out")}
            ) as this,
        ):
            seen.append((this.work / "note").exists())
            (this.work / "note").touch()
            raise ValueError("broken")

    attempt({"a": 1, "b": 2})
    attempt({"b": 2, "a": 1})
    attempt({"a": 1, "b": 3})
    (offline / "text").write_text("abcd", "utf-8")
    attempt({"a": 1, "b": 2})
    assert seen == [False, True, False, False]
    assert len(keys(offline)) == 3, "one for this key, and the two newest others"


def test_work_folders_of_older_keys_do_not_pile_up(offline: Path) -> None:
    def attempt(number: int) -> str:
        with (
            pytest.raises(ValueError),
            job("toy", settings=lambda: {"n": number}, inputs={}, outs={"out": Path("out")}) as this,
        ):
            note = this.work / "time.json"
            os.utime(note, (number, number))  # the clock of a file system may be coarse
            raise ValueError
        return this.key

    made = [attempt(number) for number in range(1, 5)]
    assert keys(offline) == set(made[-UNFINISHED - 1 :])
    with job("toy", settings=lambda: {"n": 5}, inputs={}, outs={"out": Path("out")}) as this:
        write_out(this)
    assert keys(offline) == set(made[-UNFINISHED:])
    assert sorted(path.name for path in (offline / ".work/toy").glob("*.lock")) == []


def test_work_folders_that_are_in_use_stay(offline: Path) -> None:
    with job("toy", settings=lambda: {"n": 0}, inputs={}, outs={"out": Path("out")}) as first:
        os.utime(first.work / "time.json", (1, 1))
        for number in range(1, 4):
            with pytest.raises(ValueError), job("toy", settings=lambda: {"n": number}, inputs={}, outs={}):  # noqa: B023
                raise ValueError
        assert first.key in keys(offline)
        write_out(first)


def test_a_stage_that_forgets_an_out_fails_and_publishes_nothing(offline: Path) -> None:
    outs = {"out": Path("out"), "report": Path("report.html")}
    with (
        pytest.raises(RuntimeError, match=r"toy did not write report\.html"),
        job("toy", settings=dict, inputs={}, outs=outs) as this,
    ):
        write_out(this)
    assert not (offline / "out").exists()


def test_what_a_killed_try_wrote_to_an_out_is_not_published(offline: Path) -> None:
    with pytest.raises(ValueError), job("toy", settings=dict, inputs={}, outs={"out": Path("out")}) as this:
        this.out["out"].mkdir()
        (this.out["out"] / "half").touch()
        raise ValueError
    with job("toy", settings=dict, inputs={}, outs={"out": Path("out")}) as this:
        this.out["out"].mkdir()
        (this.out["out"] / "whole").touch()
    assert sorted(files_below(offline / "out")) == ["whole"]


def test_handlers_of_signals_are_given_back(offline: Path) -> None:
    before = [signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)]
    with job("toy", settings=dict, inputs={}, outs={"out": Path("out")}) as this:
        write_out(this)
    with pytest.raises(Stopped), job("toy", settings=dict, inputs={}, outs={"out": Path("out")}):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    assert [signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)] == before


def test_a_stop_while_publishing_does_not_tear_the_outs(
    offline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    (offline / "out").mkdir()
    with job("toy", settings=dict, inputs={}, outs={"out": Path("out"), "more": Path("more")}) as this:
        for name in ("out", "more"):
            this.out[name].mkdir()
            (this.out[name] / "new").touch()
    assert [sorted(files_below(offline / name)) for name in ("out", "more")] == [["new"], ["new"]]
    assert not keys(offline)


LOCKER = """
import os, sys
from pathlib import Path
from tokenmill.core.errors import UserError
from tokenmill.jobs.work import only_one
work, alone, held, together = Path("work"), Path("alone"), 0, 0
while held < 300:
    try:
        with only_one(work, "toy"):
            try:
                os.close(os.open(alone, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                together += 1
                continue
            held += 1
            alone.unlink(missing_ok=True)
    except UserError:
        pass
print(together)
"""


def test_two_processes_never_hold_the_lock_at_once(project: Path) -> None:
    command = [sys.executable, "-c", LOCKER]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate(timeout=120)[0] for process in processes] == ["0\n"] * 3
    assert list(project.glob("work*")) == []


@pytest.mark.parametrize(
    ("raised", "status", "printed"),
    [
        (UserError("text: bad; mend it"), 1, "error: text: bad; mend it\n"),
        (Stopped("signal 15"), 143, "stopped; run the same command again to continue\n"),
        (KeyboardInterrupt(), 130, "stopped; run the same command again to continue\n"),
    ],
)
def test_exit_status(
    raised: BaseException,
    status: int,
    printed: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def main() -> None:
        raise raised

    monkeypatch.delenv("DVC_ROOT", raising=False)
    run: Callable[[Callable[[], None]], None] = run_main
    with pytest.raises(SystemExit) as end:
        run(main)
    assert end.value.code == status
    assert capsys.readouterr().err == printed
