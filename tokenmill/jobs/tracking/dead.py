"""Runs whose process died without a word: they say RUNNING until somebody closes them."""

import os
import socket

from tokenmill.jobs.tracking.store import OURS, client


def dead_runs() -> list[str]:
    """Ids of the runs that say RUNNING although their process on this host is gone."""
    mlflow_client = client()
    experiments = [
        e.experiment_id for e in mlflow_client.search_experiments(filter_string=f"name LIKE '{OURS}%'")
    ]
    if not experiments:
        return []
    found = []
    for run in mlflow_client.search_runs(experiments, filter_string="attributes.status = 'RUNNING'"):
        host, _, pid = run.data.tags.get("process", "").rpartition(":")
        if host == socket.gethostname() and pid.isdigit() and not _alive(int(pid)):
            found.append(run.info.run_id)
    return found


def close_dead_runs() -> list[str]:
    """Mark the :func:`dead_runs` KILLED; returns their ids."""
    found = dead_runs()
    for run_id in found:
        client().set_terminated(run_id, status="KILLED")
    return found


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
