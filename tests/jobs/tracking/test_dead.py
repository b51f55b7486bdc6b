"""Runs that say RUNNING although nobody runs them."""

import socket
import subprocess
import sys
from pathlib import Path

from tests.jobs.tracking.helpers import fetch, open_run
from tokenmill.jobs.tracking.dead import close_dead_runs
from tokenmill.jobs.tracking.store import client


def test_dead_runs_are_closed_and_living_ones_are_not(project: Path) -> None:
    mine = open_run()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    mlflow_client, host = client(), socket.gethostname()
    for name, process in (("dead", f"{host}:{ended.pid}"), ("elsewhere", f"another-host:{ended.pid}")):
        run = open_run(name)
        mlflow_client.set_tag(run.id, "process", process)
    stranger = mlflow_client.create_run(mlflow_client.create_experiment("not ours")).info.run_id
    mlflow_client.set_tag(stranger, "process", f"{host}:{ended.pid}")

    closed = close_dead_runs()
    assert [client().get_run(run_id).data.tags["dvc.stage"] for run_id in closed] == ["dead"]
    assert client().get_run(closed[0]).info.status == "KILLED"
    assert [fetch(mine).info.status, client().get_run(stranger).info.status] == ["RUNNING", "RUNNING"]
    assert close_dead_runs() == []
