"""prefect.yaml: what it says, and a worker that runs, schedules and cancels what it deploys."""

import inspect
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.flows import toy
from tests.flows.conftest import PREFECT, Server


def deployments() -> list[dict[str, Any]]:
    return YAML(typ="safe").load(toy.ROOT / "prefect.yaml")["deployments"]


def test_one_deployment_for_the_whole_and_one_on_demand() -> None:
    assert [entry["name"] for entry in deployments()] == ["nightly", "run"]
    assert all(entry["parameters"] == {} for entry in deployments())


def test_deployments_fit_the_flow() -> None:
    from flows.pipeline import pipeline

    assert {entry["entrypoint"] for entry in deployments()} == {"flows/pipeline.py:pipeline"}
    for entry in deployments():
        assert set(entry["parameters"]) <= set(inspect.signature(pipeline.fn).parameters)
        pipeline.validate_parameters(entry["parameters"])


def test_only_the_whole_is_scheduled_and_never_twice_at_once() -> None:
    nightly, *others = deployments()
    assert nightly["name"] == "nightly"
    assert nightly["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}
    assert all("schedules" not in entry for entry in others)


def test_served_schedule_is_the_nightly_one() -> None:
    from flows.serve import nightly_schedule

    (written,) = deployments()[0]["schedules"]
    schedule = nightly_schedule(toy.ROOT / "prefect.yaml")
    assert (schedule.cron, schedule.timezone, schedule.active) == (written["cron"], written["timezone"], True)


def test_no_path_of_a_machine() -> None:
    for name in ("prefect.yaml", "prefect.toml"):
        assert not re.search(r"[\s\"'](/|~|[A-Z]:\\)\w", (toy.ROOT / name).read_text())


class Worker:
    """A worker in a repository."""

    def __init__(self, server: Server, root: Path) -> None:
        self.root = root
        # Without our interpreter's folder on the PATH: as when the environment has not been activated.
        self.env = {**os.environ, **server.env, "PATH": os.defpath}
        self.env.pop("PYTHONPATH", None)
        self.start()

    def start(self) -> None:
        with (self.root.parent / "worker.log").open("ab") as log:
            self.process = subprocess.Popen(
                [PREFECT, "worker", "start", "--pool", "tokenmill", "--type", "process"],
                cwd=self.root,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def run(self, *command: str | Path) -> str:
        done = subprocess.run(command, cwd=self.root, env=self.env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def worker(server: Server, client: Any, repo: toy.Toy) -> Iterator[Worker]:
    """A worker in the repository, with everything in prefect.yaml deployed to it."""
    for name in ("flows", "tokenmill"):
        (repo.root / name).symlink_to(toy.ROOT / name)
    for name in ("prefect.yaml", "prefect.toml"):
        shutil.copy(toy.ROOT / name, repo.root)
    worker = Worker(server, repo.root)
    try:
        toy.until(client.read_work_pools, "the worker to make its pool", 60)
        worker.run(PREFECT, "--no-prompt", "deploy", "--all")
        yield worker
    finally:
        worker.process.send_signal(signal.SIGINT)
        try:
            worker.process.wait(20)
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()


def begin(client: Any, name: str, targets: list[str]) -> Any:
    """Start a run of a deployment; its id."""
    deployment = client.read_deployment_by_name(f"pipeline/{name}")
    return client.create_flow_run_from_deployment(deployment.id, parameters={"targets": targets}).id


@pytest.mark.usefixtures("worker")
def test_t3_worker_runs_one_deployment_and_cancels_another(client: Any, repo: toy.Toy) -> None:
    from prefect.states import Cancelling

    repo.write("params.yaml", "work: {x: 2, y: 1}\n")
    repo.order("work-x", "slow")

    def state(run: Any) -> str:
        return client.read_flow_run(run).state_name

    slow, quick = begin(client, "nightly", ["work@x"]), begin(client, "run", ["work@y"])
    toy.until(lambda: state(quick) == "Completed", "the quick run", 120)
    repo.wait_for("slow", "work-x", 60)
    worker = {p.pid for p in repo.processes() if PREFECT.name in Path(p.cmdline()[1]).name}
    assert len(worker) == 1 and len(repo.processes()) > 3

    client.set_flow_run_state(slow, Cancelling())
    toy.until(lambda: {p.pid for p in repo.processes()} == worker, "every process of the run to end", 60)
    assert repo.log("checkpoint") == ["work-x"]
    toy.until(lambda: state(slow) == "Cancelled", "the run to be Cancelled", 60)


def test_the_night_after_a_worker_was_killed_runs(worker: Worker, client: Any, repo: toy.Toy) -> None:
    repo.write("params.yaml", "work: {x: 2, y: 1}\n")
    repo.order("work-x", "slow")
    killed = begin(client, "nightly", ["work@x"])
    repo.wait_for("slow", "work-x", 120)
    for process in repo.processes():
        process.kill()
    worker.process.wait()
    assert client.read_flow_run(killed).state_name == "Running"
    repo.order("work-x", "")
    next_night = begin(client, "nightly", ["work@x"])

    told = worker.run(sys.executable, "-m", "flows.dead")  # `make prefect-worker` begins with it
    assert told == f"flow run {client.read_flow_run(killed).name}: its process is gone; marked as crashed\n"
    assert client.read_flow_run(killed).state_name == "Crashed"
    worker.start()
    toy.until(lambda: client.read_flow_run(next_night).state_name == "Completed", "the next night", 120)
    assert worker.run(sys.executable, "-m", "flows.dead") == ""
