"""Runs whose process died without a word: they say RUNNING until somebody closes them."""

import os
import socket

from tokenmill.jobs.tracking.store import client, experiment_name


def dead_runs() -> list[str]:
    """Ids of the runs that say RUNNING although their process on this host is gone."""
    mlflow_client = client()
    experiment = mlflow_client.get_experiment_by_name(experiment_name())
    if experiment is None:
        return []
    found = mlflow_client.search_runs([experiment.experiment_id], "attributes.status = 'RUNNING'")
    return [run.info.run_id for run in found if is_gone(run.data.tags.get("process", ""))]


def close_dead_runs() -> list[str]:
    """Mark the :func:`dead_runs` KILLED; returns their ids."""
    found = dead_runs()
    for run_id in found:
        client().set_terminated(run_id, status="KILLED")
    return found


def is_gone(process: str) -> bool:
    """Whether ``HOST:PID`` was a process of this host and is no more."""
    host, _, pid = process.rpartition(":")
    return host == socket.gethostname() and pid.isdigit() and not _alive(int(pid))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
