"""What the tests of tracking share: a run of a stage, and what the store holds of it."""

from typing import Any

from tokenmill.jobs.tracking.run import Run, start_run
from tokenmill.jobs.tracking.store import client


def open_run(stage: str = "pretrain@gpt", **more: Any) -> Run:
    arguments: dict[str, Any] = {"key": "0123456789abcdef", "settings": {}, "inputs": {}, **more}
    return start_run(stage, **arguments)


def fetch(run: Run) -> Any:
    assert run.id is not None
    return client().get_run(run.id)
