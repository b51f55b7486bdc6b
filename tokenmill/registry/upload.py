"""A model into MLflow: its files as a LoggedModel, then a version of it."""

import time
from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.core.files import digest_tree, remove
from tokenmill.jobs.publish import project_home, publish
from tokenmill.jobs.tracking.description import find_model_run
from tokenmill.jobs.tracking.run import Run, start_run
from tokenmill.jobs.tracking.store import experiment_id, patient_http
from tokenmill.jobs.tracking.tags import git_commit
from tokenmill.registry import provenance, trained_on
from tokenmill.registry.files import DAMAGED_TAG, DIGEST_TAG, Stored, stored_version
from tokenmill.registry.package import save_package
from tokenmill.registry.records import Record
from tokenmill.registry.trained_on import write_trained_on

CLEAN = Path("data/clean")


class LazyRun:
    """An MLflow run that is opened when it is first asked for."""

    def __init__(self, key: str) -> None:
        self.key = key
        self._run: Run | None = None

    def open(self) -> Run:
        """The run."""
        if self._run is None:
            self._run = start_run("register", key=self.key, settings={}, inputs={})
        return self._run

    def note(self, name: str, standing: str) -> None:
        """Write a model's standing to the run, where there is one."""
        if self._run is not None:
            self._run.set_tags({f"registered.{name}": standing})

    def close(self, status: str) -> None:
        """End the run, where there is one."""
        if self._run is not None:
            self._run.finish(status)


def create_version(mlflow_client: Any, record: Record, run: LazyRun) -> Any:
    """The model's files into the store, then a version of it. The version's tags come with it in one step."""
    from mlflow.exceptions import MlflowException

    model = _upload(mlflow_client, record, run)
    try:
        mlflow_client.create_registered_model(record.name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    return mlflow_client.create_model_version(
        record.name,
        source=f"models:/{model.model_id}",
        run_id=model.source_run_id,
        model_id=model.model_id,
        description=record.card.removeprefix("---\n").partition("---\n")[2].strip(),
        tags={
            DIGEST_TAG: record.digest,
            "metric": record.metric,
            "test.digest": record.test_digest,
            measured_tag(record.metric, record.test_digest): repr(record.value),
            "dvc.stage_hash": run.key,
            "git.commit": git_commit(),
            **_source_tags(record.ancestry),
        },
    )


def _upload(mlflow_client: Any, record: Record, run: LazyRun) -> Any:
    """The model as a LoggedModel; one that a killed process began is completed: no copy is left over."""
    from mlflow.entities import Metric

    experiment = experiment_id(mlflow_client)
    tagged = f"tags.`{DIGEST_TAG}` = '{record.digest}'"
    begun = [
        model
        for model in mlflow_client.search_logged_models([experiment], filter_string=tagged)
        if model.name == record.name
    ]
    if begun:
        model = begun[0]
    else:
        tags = {DIGEST_TAG: record.digest}
        trained = find_model_run(mlflow_client, experiment, digest_tree(Path(record.folder)))
        model = mlflow_client.create_logged_model(
            experiment, record.name, source_run_id=trained or run.open().id, tags=tags, model_type=record.kind
        )
    stored = Stored(model.artifact_location, record.digest)
    if str(model.status) == "READY":
        if stored.problem() is not None:
            _put_files(mlflow_client, record, model, stored)
        return model
    _put_files(mlflow_client, record, model, stored)
    if model.source_run_id:
        name, now = record.metric.replace(".", "/"), int(time.time() * 1000)
        figure = Metric(name, record.value, now, 0, model_id=model.model_id)
        mlflow_client.log_batch(model.source_run_id, metrics=[figure])
    return mlflow_client.finalize_logged_model(model.model_id, "READY")


def upload_again(mlflow_client: Any, record: Record, version: Any) -> None:
    """The files of a version whose files are gone or damaged.

    Raises:
        UserError: a server keeps them, and somebody deleted the model that they belong to.
    """
    from mlflow.exceptions import MlflowException

    stored, model = stored_version(mlflow_client, version), None
    try:
        model = mlflow_client.get_logged_model(str(version.source).removeprefix("models:/"))
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
    if model is None and stored.folder is None:
        raise UserError(
            f"{record.name} version {version.version}: its files are missing in MLflow, and the logged model "
            f"that they belong to was deleted; delete the version, too, and run `tokenmill register`"
        )
    _put_files(mlflow_client, record, model, stored)
    if DAMAGED_TAG in version.tags:
        mlflow_client.delete_model_version_tag(version.name, version.version, DAMAGED_TAG)


def _put_files(mlflow_client: Any, record: Record, model: Any | None, stored: Stored) -> None:
    """Write the package beside and put it in its place; the caller holds the registry's lock."""
    from mlflow.models import Model

    scratch = project_home() / ".work" / "upload"
    remove(scratch)  # what a killed process left
    described = Model(artifact_path=stored.location)
    if model is not None:
        described = Model(
            artifact_path=stored.location,
            run_id=model.source_run_id,
            model_uuid=model.model_id,
            model_id=model.model_id,
        )
    try:
        save_package(scratch, Path(record.folder), record.kind, record.card, described)
        write_trained_on(scratch / trained_on.FILE, CLEAN, record.ancestry)
        provenance.write_provenance(scratch / provenance.FILE, Path(record.folder), record.ancestry)
        if stored.folder is not None:
            publish({scratch: stored.folder})
        else:
            assert model is not None, "a server's files are written by way of their model"
            with patient_http():
                mlflow_client.log_model_artifacts(model.model_id, str(scratch))
    finally:
        remove(scratch)


def _source_tags(ancestry: dict[str, Any]) -> dict[str, str]:
    """A tag for each raw source, to search by; the whole ancestry is a file of the model."""
    raw = ancestry.get("data", {}).get("raw", {})
    return {f"raw.{source}": str(digest) for source, digest in raw.items()}


def measured_tag(metric: str, test_digest: str) -> str:
    """A version's figure on one set of test data. It may be measured on several, each has its own tag."""
    return f"{metric}/{test_digest}"
