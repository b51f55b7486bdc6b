"""What a run says of itself before it has figures, and the run that it makes in a store."""

import json
from dataclasses import dataclass
from typing import Any

from tokenmill.jobs.tracking.store import experiment_id

MODEL_TAG = "model.sha256"
"""Digest of the model folder that a run made: by it what is about a model finds the run of its training."""
ROLE_TAG = "tokenmill.role"
STAGES = "stages"
"""Role and name of the run below which stages stand that make no model."""


@dataclass(frozen=True)
class Description:
    """A run as it begins."""

    name: str
    tags: dict[str, str]
    params: dict[str, str]
    datasets: dict[str, tuple[str, str]]
    """Context -> path and SHA-256 of an input."""
    started: int
    """Milliseconds since 1970."""
    makes_model: bool
    """Such a run stands at the top of the table; all others stand below one that does."""


def dataset_digest(digest: str) -> str:
    """The part of a SHA-256 that MLflow's dataset digests have room for: 32 of at most 36 characters."""
    return digest[:32]


def open_run(mlflow_client: Any, run: Description, resume: str | None = None) -> tuple[str, str | None]:
    """Make the run, or reopen ``resume``, and describe it; its id and that of the run above it.

    Raises:
        MlflowException: the store refuses it.
    """
    experiment = experiment_id(mlflow_client)
    above = None if run.makes_model else _above(mlflow_client, experiment, run)
    tags = dict(run.tags) if above is None else {**run.tags, "mlflow.parentRunId": above}
    if resume is None or not _reopen(mlflow_client, resume, tags):
        made = mlflow_client.create_run(experiment, start_time=run.started, tags=tags, run_name=run.name)
        resume = str(made.info.run_id)
    # Also when reopened: the interrupted process may not have come this far, and writing twice does no harm.
    _describe(mlflow_client, resume, run)
    return resume, above


def find_model_run(mlflow_client: Any, experiment: str, digest: str) -> str | None:
    """The run that made the model folder with this digest; the first one, should there be several."""
    found = mlflow_client.search_runs(
        [experiment], f"tags.`{MODEL_TAG}` = '{digest}'", order_by=["attributes.start_time"], max_results=1
    )
    return str(found[0].info.run_id) if found else None


def _above(mlflow_client: Any, experiment: str, run: Description) -> str:
    """The run of the model that a run reads, or the one of all stages that read none.

    A model that was not trained with this store has a run with nothing but its name.
    """
    if "model" not in run.datasets:
        found = mlflow_client.search_runs(
            [experiment], f"tags.`{ROLE_TAG}` = '{STAGES}'", order_by=["attributes.start_time"], max_results=1
        )
        return (
            str(found[0].info.run_id) if found else _bare(mlflow_client, experiment, STAGES, ROLE_TAG, STAGES)
        )
    path, digest = run.datasets["model"]
    name = path.rpartition("/")[2]
    return find_model_run(mlflow_client, experiment, digest) or _bare(
        mlflow_client, experiment, name, MODEL_TAG, digest
    )


def _bare(mlflow_client: Any, experiment: str, name: str, tag: str, value: str) -> str:
    made = mlflow_client.create_run(experiment, tags={tag: value}, run_name=name)
    mlflow_client.set_terminated(made.info.run_id)
    return str(made.info.run_id)


def _reopen(mlflow_client: Any, run_id: str, tags: dict[str, str]) -> bool:
    """Whether the store holds the run; it is then RUNNING again, with this process's tags."""
    from mlflow.exceptions import MlflowException

    try:
        mlflow_client.update_run(run_id, status="RUNNING")
        mlflow_client.log_batch(run_id, tags=tag_entities(tags))
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "INVALID_STATE"):
            raise
        return False  # the store is another one, or the run was deleted
    return True


def _describe(mlflow_client: Any, run_id: str, run: Description) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag, Param

    params = [Param(name, value[:6000]) for name, value in sorted(run.params.items())]
    for start in range(0, len(params), 100):  # MLflow's limit for one batch
        mlflow_client.log_batch(run_id, params=params[start : start + 100])
    datasets = []
    for context, (path, digest) in sorted(run.datasets.items()):
        dataset = Dataset(path, dataset_digest(digest), source_type="local", source=json.dumps({"uri": path}))
        tags = {"mlflow.data.context": context, "dvc.path": path, "sha256": digest}
        datasets.append(DatasetInput(dataset, [InputTag(*tag) for tag in tags.items()]))
    if datasets:
        mlflow_client.log_inputs(run_id, datasets=datasets)


def tag_entities(tags: dict[str, str]) -> list[Any]:
    """Tags as MLflow's batches have them."""
    from mlflow.entities import RunTag

    return [RunTag(name, value) for name, value in tags.items()]
