"""What the tests of tracking share: a run of a stage, and what the store holds of it."""

import re
from typing import Any

from tokenmill.jobs.tracking.run import Run, start_run
from tokenmill.jobs.tracking.store import client, experiment_name


def open_run(stage: str = "pretrain@gpt", **more: Any) -> Run:
    arguments: dict[str, Any] = {"key": "0123456789abcdef", "settings": {}, "inputs": {}, **more}
    return start_run(stage, **arguments)


def fetch(run: Run) -> Any:
    assert run.id is not None
    return client().get_run(run.id)


def runs_of(stage: str) -> list[Any]:
    """The runs of a stage, or of a group of stages."""
    experiment = client().get_experiment_by_name(experiment_name())
    if experiment is None:
        return []
    found = client().search_runs([experiment.experiment_id])
    return [run for run in found if re.fullmatch(f"{stage}(@.*)?", run.data.tags.get("dvc.stage", ""))]
