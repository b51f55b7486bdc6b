"""prefect.yaml: what it says, and a worker that runs, schedules and cancels what it deploys."""

import inspect
import os
import re
import shutil
import signal
import subprocess
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
def deployed(server: Server, client: Any, repo: toy.Toy) -> Iterator[None]:
    """A worker in the repository, with everything in prefect.yaml deployed to it."""
    for name in ("flows", "tokenmill"):
        (repo.root / name).symlink_to(toy.ROOT / name)
    for name in ("prefect.yaml", "prefect.toml"):
        shutil.copy(toy.ROOT / name, repo.root)
    # Without our interpreter's folder on the PATH: as when the environment has not been activated.
    env = {**os.environ, **server.env, "PATH": os.defpath}
    env.pop("PYTHONPATH", None)
    with (repo.root.parent / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [PREFECT, "worker", "start", "--pool", "tokenmill", "--type", "process"],
            cwd=repo.root,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        toy.until(client.read_work_pools, "the worker to make its pool", 60)
        deploy = [PREFECT, "--no-prompt", "deploy", "--all"]
        done = subprocess.run(deploy, cwd=repo.root, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        yield
    finally:
        worker.send_signal(signal.SIGINT)
        try:
            worker.wait(20)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


@pytest.mark.usefixtures("deployed")
def test_t3_worker_runs_one_deployment_and_cancels_another(client: Any, repo: toy.Toy) -> None:
    from prefect.states import Cancelling

    repo.write("params.yaml", "work: {x: 2, y: 1}\n")
    repo.order("work-x", "slow")

    def start(name: str, targets: list[str]) -> Any:
        deployment = client.read_deployment_by_name(f"pipeline/{name}")
        return client.create_flow_run_from_deployment(deployment.id, parameters={"targets": targets}).id

    def state(run: Any) -> str:
        return client.read_flow_run(run).state_name

    slow, quick = start("nightly", ["work@x"]), start("run", ["work@y"])
    toy.until(lambda: state(quick) == "Completed", "the quick run", 120)
    repo.wait_for("slow", "work-x", 60)
    worker = {p.pid for p in repo.processes() if PREFECT.name in Path(p.cmdline()[1]).name}
    assert len(worker) == 1 and len(repo.processes()) > 3

    client.set_flow_run_state(slow, Cancelling())
    toy.until(lambda: {p.pid for p in repo.processes()} == worker, "every process of the run to end", 60)
    assert repo.log("checkpoint") == ["work-x"]
    toy.until(lambda: state(slow) == "Cancelled", "the run to be Cancelled", 60)
