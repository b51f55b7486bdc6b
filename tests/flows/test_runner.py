"""Stages as real child processes, with real signals. T1, T2, T3 and T5 are traps in docs/orchestration.md."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from flows.dag import Graph
from flows.runner import Outcome, Runner, StageBusy, StageFailed
from tests.flows import toy


@pytest.fixture
def runner(repo: toy.Toy) -> Runner:
    return Runner(repo.root, {"pipeline.run": "run-1"}, grace_s=10)


def ignore(line: str) -> None:
    pass


@contextmanager
def in_background(work: Callable[[], Outcome]) -> Iterator["Future[Outcome]"]:
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(work)


def test_outcomes_lines_and_tags(repo: toy.Toy, runner: Runner) -> None:
    lines: list[str] = []
    assert runner.run_stage("first", lines.append) is Outcome.CACHED
    assert lines[0] == "Stage 'first' didn't change, skipping"
    assert repo.log("run") == []

    lines.clear()
    repo.write("params.yaml", "work: {x: 2, y: 1}\n")
    assert runner.run_stage("work@x", lines.append) is Outcome.COMPLETED
    at = lines.index("work-x says hello")
    assert lines[at + 1] == "stdin: ''"
    assert lines[0] == "Running stage 'work@x':"
    tags = json.loads((repo.root / "runs.log").read_text().split(maxsplit=2)[2])
    assert tags == {"dvc.stage": "work@x", "pipeline.run": "run-1"}

    repo.write("params.yaml", "work: {x: 1, y: 1}\n")
    assert runner.run_stage("work@x", ignore) is Outcome.RESTORED
    assert repo.log("run") == ["work-x"]


def test_failed_stage(repo: toy.Toy, runner: Runner) -> None:
    repo.write("params.yaml", "work: {x: 2, y: 1}\n")
    repo.order("work-x", "fail")
    lines: list[str] = []
    with pytest.raises(StageFailed, match="work@x: failed with exit status 255"):
        runner.run_stage("work@x", lines.append)
    assert "no luck" in lines


def test_t1_a_lock_held_when_the_stage_ends_does_not_lose_its_result(repo: toy.Toy, runner: Runner) -> None:
    repo.write("params.yaml", "work: {x: 2, y: 1}\n")
    repo.order("work-x", "gate")
    with in_background(lambda: runner.run_stage("work@x", ignore)) as outcome:
        repo.wait_for("run", "work-x")
        with (repo.root / ".dvc/tmp/lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            repo.write("control/open", "")
            time.sleep(4.5)  # dvc by itself gives up after 3 s
            assert not outcome.done()
        assert outcome.result(120) is Outcome.COMPLETED
    assert Graph(repo.root).is_unchanged("work@x")


def test_t2_a_stage_that_runs_elsewhere_is_busy_and_then_cached(repo: toy.Toy, runner: Runner) -> None:
    repo.write("params.yaml", "work: {x: 2, y: 1}\n")
    repo.order("work-x", "gate")
    with in_background(lambda: runner.run_stage("work@x", ignore)) as outcome:
        repo.wait_for("run", "work-x")
        with pytest.raises(StageBusy):
            Runner(repo.root, {}).run_stage("work@x", ignore)
        repo.write("control/open", "")
        assert outcome.result(120) is Outcome.COMPLETED
    assert Runner(repo.root, {}).run_stage("work@x", ignore) is Outcome.CACHED
    assert repo.log("run") == ["work-x"]


def test_a_stage_that_says_busy_in_dvc_s_words_has_still_failed(repo: toy.Toy, runner: Runner) -> None:
    repo.write("dvc.yaml", "stages: {liar: {cmd: 'echo is busy, it is being blocked by:; exit 3'}}\n")
    with pytest.raises(StageFailed):
        runner.run_stage("liar", ignore)


def test_t3_kill_all_gives_the_stage_time_for_a_checkpoint(repo: toy.Toy, runner: Runner) -> None:
    repo.write("params.yaml", "work: {x: 2, y: 2}\n")
    repo.order("work-x", "slow")
    repo.order("work-y", "slow")
    with (
        in_background(lambda: runner.run_stage("work@x", ignore)) as one,
        in_background(lambda: runner.run_stage("work@y", ignore)) as other,
    ):
        repo.wait_for("slow", "work-x")
        repo.wait_for("slow", "work-y")
        assert len(repo.processes()) >= 6
        runner.kill_all()
        assert repo.processes() == []
        for stopped in (one, other):
            with pytest.raises(StageFailed, match="stopped"):
                stopped.result(60)
    assert sorted(repo.log("checkpoint")) == ["work-x", "work-y"]
    # dvc saw its stage fail and freed its locks: nothing for the doctor.
    rwlock = json.loads((repo.root / ".dvc/tmp/rwlock").read_text())
    assert {kind: locks for kind, locks in rwlock.items() if locks} == {}
    with pytest.raises(StageFailed, match="stopped before it began"):
        runner.run_stage("work@x", ignore)


@pytest.mark.parametrize("orders", ["slow stubborn", "slow stubborn escape"])
def test_t3_what_does_not_listen_or_runs_away_is_killed(repo: toy.Toy, orders: str) -> None:
    if "escape" in orders and sys.platform != "linux":
        pytest.skip("only Linux lets a guard adopt processes that leave their session")
    runner = Runner(repo.root, {}, grace_s=0.5)
    repo.write("params.yaml", "work: {x: 2, y: 1}\n")
    repo.order("work-x", orders)
    with in_background(lambda: runner.run_stage("work@x", ignore)) as outcome:
        repo.wait_for("slow", "work-x")
        runner.kill_all()
        assert repo.processes() == []
        with pytest.raises(StageFailed):
            outcome.result(60)


def test_t3_a_process_that_the_stage_leaves_behind_is_stopped(repo: toy.Toy, runner: Runner) -> None:
    repo.write("params.yaml", "work: {x: 2, y: 1}\n")
    repo.order("work-x", "escape")
    assert runner.run_stage("work@x", ignore) is Outcome.COMPLETED
    if sys.platform == "linux":
        assert repo.processes() == []


def test_t3_kill_9_of_the_flow_leaves_no_process(repo: toy.Toy) -> None:
    repo.write("params.yaml", "work: {x: 2, y: 1}\n")
    repo.order("work-x", "slow")
    code = (
        "from pathlib import Path; from flows.runner import Runner; "
        "Runner(Path.cwd(), {}, 10).run_stage('work@x', print)"
    )
    flow = subprocess.Popen([sys.executable, "-c", code], cwd=repo.root, env=toy.environment())
    repo.wait_for("slow", "work-x")
    os.kill(flow.pid, signal.SIGKILL)
    flow.wait()
    toy.until(lambda: not repo.processes(), "every process to end", 60)
    assert repo.log("checkpoint") == ["work-x"]


def test_t3_kill_9_of_the_guard_ends_dvc(repo: toy.Toy, runner: Runner) -> None:
    if sys.platform != "linux":
        pytest.skip("asked of the Linux kernel")
    repo.write("params.yaml", "work: {x: 2, y: 1}\n")
    repo.order("work-x", "slow")

    def running(word: str) -> list[psutil.Process]:
        return [process for process in repo.processes() if word in process.cmdline()]

    with in_background(lambda: runner.run_stage("work@x", ignore)) as outcome:
        repo.wait_for("slow", "work-x")
        (guard,) = running(str(toy.ROOT / "flows/guard.py"))
        guard.kill()
        toy.until(lambda: not running("dvc"), "dvc to end", 60)
        for step in running("step.py"):  # not one of our stages, which end with dvc
            step.kill()
        with pytest.raises(StageFailed):
            outcome.result(60)


def test_t5_timeout(repo: toy.Toy, runner: Runner) -> None:
    repo.write("params.yaml", "work: {x: 2, y: 1}\n")
    repo.order("work-x", "slow")
    started = time.monotonic()
    with pytest.raises(TimeoutError, match=r"stopped after 2\.5 s"):
        runner.run_stage("work@x", ignore, timeout_s=2.5)
    assert time.monotonic() - started >= 2.5
    assert repo.processes() == []
    assert threading.active_count() < 10


def test_a_guard_whose_flow_is_gone_starts_nothing(tmp_path: Path) -> None:
    guard = toy.ROOT / "flows/guard.py"
    nobody = "1999999999"
    done = subprocess.run([sys.executable, guard, "1", nobody, "touch", tmp_path / "ran"], check=False)
    assert done.returncode == 143
    assert not (tmp_path / "ran").exists()
