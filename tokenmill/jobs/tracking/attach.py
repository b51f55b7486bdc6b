"""Files that people look at, beside the run of the model that they are about."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenmill.core.files import digest_tree, digest_value
from tokenmill.jobs.tracking.description import find_model_run
from tokenmill.jobs.tracking.store import experiment_id

ATTACHED = "attached"
"""Tag of a run: digest of the files that were attached last."""


def attach(mlflow_client: Any, models: Mapping[Path, list[Path]]) -> None:
    """Copy files to the artifacts of the runs that made these model folders, where they are not there yet.

    A file stands in a folder of the name that its own has, such as ``report/report.html``. A model whose run
    the store does not hold is left out.

    Raises:
        Exception: whatever MLflow raises when its store is away.
    """
    experiment = experiment_id(mlflow_client)
    for folder, files in models.items():
        run = find_model_run(mlflow_client, experiment, digest_tree(folder))
        there = [file for file in files if file.exists()]
        digest = digest_value({file.as_posix(): digest_tree(file) for file in there})
        if run is not None and mlflow_client.get_run(run).data.tags.get(ATTACHED) != digest:
            _copy(mlflow_client, run, there)
            mlflow_client.set_tag(run, ATTACHED, digest)


def _copy(mlflow_client: Any, run: str, files: list[Path]) -> None:
    for file in files:
        mlflow_client.log_artifact(run, str(file), file.parent.name)
