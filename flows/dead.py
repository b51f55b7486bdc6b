"""Flow runs that a killed worker left: Prefect's server takes them for running, and holds their slot.

``python -m flows.dead`` marks those of this machine whose process is gone as crashed; so does every run of
the flow when it begins.
"""

import os
import socket
import sys
from collections.abc import Iterator
from uuid import UUID

import psutil
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Crashed

from flows.settings import require_server
from tokenmill.core.errors import UserError

UNENDED = [StateType.RUNNING, StateType.CANCELLING]


def name_process(client: SyncPrefectClient, run: UUID) -> None:
    """Write down, as tags of a flow run, that this process is at work on it."""
    tags = client.read_flow_run(run).tags
    client.update_flow_run(run, tags=sorted({*tags, _host(), f"process:{os.getpid()}"}))


def close_dead_runs(client: SyncPrefectClient) -> Iterator[str]:
    """Mark the runs of this machine whose process is gone as crashed; yields a line for each."""
    state = FlowRunFilterState(type=FlowRunFilterStateType(any_=UNENDED))
    for run in client.read_flow_runs(
        flow_run_filter=FlowRunFilter(state=state, tags=FlowRunFilterTags(all_=[_host()]))
    ):
        if not _is_alive(run):
            client.set_flow_run_state(run.id, Crashed(message="its process is gone"))
            yield f"flow run {run.name}: its process is gone; marked as crashed"


def _host() -> str:
    return f"host:{socket.gethostname()}"


def _is_alive(run: FlowRun) -> bool:
    numbers = [int(tag.partition(":")[2]) for tag in run.tags if tag.startswith("process:")]
    try:
        # A process younger than the run has only inherited the number.
        began = run.start_time.timestamp() if run.start_time else 0.0
        processes = [psutil.Process(number) for number in numbers]
        ended = psutil.STATUS_ZOMBIE  # and nobody has asked for its exit status
        return any(one.create_time() <= began + 1 and one.status() != ended for one in processes)
    except psutil.NoSuchProcess:
        return False


def main() -> int:
    """Mark them, and say so; returns the exit status."""
    try:
        require_server()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    with get_client(sync_client=True) as client:
        for line in close_dead_runs(client):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
