"""prefect.yaml: what it says, and a worker that runs, schedules and cancels what it deploys."""

import inspect
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from flows.dag import Graph
from tests.flows import toy
from tests.flows.conftest import PREFECT, Server


def deployments() -> list[dict[str, Any]]:
    return YAML(typ="safe").load(toy.ROOT / "prefect.yaml")["deployments"]


def test_one_deployment_for_the_whole_and_one_for_each_stage() -> None:
    targets = {entry["name"]: entry["parameters"].get("targets") for entry in deployments()}
    stages = [node.name for node in Graph(toy.ROOT).plan()]
    assert targets == {"nightly": None, **{name: [name] for name in stages}}
    assert len(deployments()) == len(targets)


def test_deployments_fit_the_flow() -> None:
    from flows.pipeline import pipeline

    assert {entry["entrypoint"] for entry in deployments()} == {"flows/pipeline.py:pipeline"}
    for entry in deployments():
        assert set(entry["parameters"]) <= set(inspect.signature(pipeline.fn).parameters)
        pipeline.validate_parameters(entry["parameters"])


def test_only_the_whole_is_scheduled_and_never_twice_at_once() -> None:
    nightly, *others = deployments()
    assert nightly["name"] == "nightly"
    assert nightly["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
    assert all("schedules" not in entry for entry in others)


def test_served_schedule_is_the_nightly_one() -> None:
    from flows.serve import nightly_schedule

    (written,) = deployments()[0]["schedules"]
    schedule = nightly_schedule(toy.ROOT / "prefect.yaml")
    assert (schedule.cron, schedule.timezone, schedule.active) == (written["cron"], written["timezone"], True)


def test_no_path_of_a_machine() -> None:
    for name in ("prefect.yaml", "prefect.toml"):
        assert not re.search(r"[\s\"'](/|~|[A-Z]:\\)\w", (toy.ROOT / name).read_text())


@pytest.fixture
def deployed(server: Server, repo: toy.Toy) -> Iterator[dict[str, str]]:
    """A worker in the repository, with everything in prefect.yaml deployed to it; gives its environment."""
    for name in ("flows", "stages", "lm"):
        (repo.root / name).symlink_to(toy.ROOT / name)
    for name in ("prefect.yaml", "prefect.toml"):
        shutil.copy(toy.ROOT / name, repo.root)
    env = {**os.environ, **server.env}
    env.pop("PYTHONPATH", None)
    # The PATH without our interpreter's folder: as when the environment was not activated.
    env["PATH"] = os.defpath
    log = (repo.root.parent / "worker.log").open("wb")
    worker = subprocess.Popen(
        [PREFECT, "worker", "start", "--pool", "tokenmill", "--type", "process"],
        cwd=repo.root,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        pool = [PREFECT, "work-pool", "inspect", "tokenmill"]
        toy.until(
            lambda: subprocess.run(pool, env=env, cwd=repo.root, capture_output=True).returncode == 0,
            "the worker to make its pool",
            60,
        )
        prefect(repo, env, "--no-prompt", "deploy", "--all")
        yield env
    finally:
        worker.send_signal(signal.SIGINT)
        try:
            worker.wait(30)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
        log.close()


def prefect(repo: toy.Toy, env: dict[str, str], *arguments: str) -> str:
    done = subprocess.run([PREFECT, *arguments], cwd=repo.root, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_worker_runs_a_deployment_and_cancels_another(
    deployed: dict[str, str], repo: toy.Toy, record_property: Any
) -> None:
    python_step = Path("step.py")
    assert (repo.root / python_step).exists()
    watch = ["deployment", "run", "pipeline/nightly", "--watch", "--watch-timeout", "60"]
    prefect(repo, deployed, *watch)
    assert repo.log("run") == []

    repo.write("params.yaml", "work: {x: 2, y: 1}\n")
    repo.order("work-x", "slow")
    started = prefect(
        repo, deployed, "deployment", "run", "pipeline/nightly", "--param", 'targets=["work@x"]'
    )
    run_id = re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", started)[0]
    repo.wait_for("slow", "work-x", 60)
    at_work = {process.pid for process in repo.processes()}

    prefect(repo, deployed, "flow-run", "cancel", run_id)
    cancelled_at = time.monotonic()
    stage = [p for p in repo.processes() if "step.py" in p.cmdline()]
    assert len(stage) == 1
    toy.until(lambda: not any(p.is_running() for p in stage), "the stage to end", 15)
    record_property("seconds_until_the_stage_ended", time.monotonic() - cancelled_at)
    assert repo.log("checkpoint") == ["work-x"]
    inspect_run = ["flow-run", "inspect", run_id]
    toy.until(lambda: "Cancelled" in prefect(repo, deployed, *inspect_run), "the run to be Cancelled", 30)
    assert len(at_work) > 1
