"""The MLflow store: where it is, a client that gives up soon, and its experiments."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tokenmill.jobs.publish import exclusive, project_home

ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}

QUICK_HTTP = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
"""MLflow's own defaults (7 retries of 120 s) would hold up a stage for minutes when a server is gone."""


def default_tracking_uri() -> str:
    """A sqlite file at a fixed absolute place in the repository.

    MLflow's own default depends on the current folder, which differs inside ``dvc exp run --temp``.
    """
    return f"sqlite:///{project_home() / 'mlflow.db'}"


def tracking_uri() -> str:
    """``MLFLOW_TRACKING_URI`` where it is set, else :func:`default_tracking_uri`."""
    return os.environ.get("MLFLOW_TRACKING_URI") or default_tracking_uri()


def without_secrets(text: str) -> str:
    """The text with user, password and query blanked in every URL, fit to be printed."""
    text = re.sub(r"(?<=://)\S*@", "***@", text)
    return re.sub(r"(://[^\s?]*)\?\S*", r"\1?***", text)


def first_line(error: BaseException) -> str:
    """An exception's first line without secrets, or its type where it says nothing."""
    lines = str(error).strip().splitlines()
    return without_secrets(lines[0]) if lines else type(error).__name__


def client() -> Any:
    """An ``MlflowClient`` on :func:`tracking_uri`. MLflow is imported here: it costs seconds."""
    for name, value in (ENVIRONMENT | QUICK_HTTP).items():
        os.environ.setdefault(name, value)
    import logging

    import mlflow

    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)
    uri = tracking_uri()
    if not uri.startswith("sqlite:"):
        return mlflow.MlflowClient(uri)
    # Two stages that start at once would both make the tables of a new database, and one of them fail.
    with exclusive(project_home() / ".work" / "mlflow.lock"):
        return mlflow.MlflowClient(uri)


@contextmanager
def patient_http() -> Iterator[None]:
    """MLflow's own retries and time-outs again: a healthy server may take long to answer an upload."""
    quick = {name: value for name, value in QUICK_HTTP.items() if os.environ.get(name) == value}
    for name in quick:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(quick)


EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
"""MLflow's UI opens an experiment in the view for training, not in the one for chats and traces."""


def experiment_id(mlflow_client: Any, name: str) -> str:
    """The experiment's id; it is made when it is not there.

    A store that is a database opened from here keeps its artifacts in the repository's ``mlruns``, because
    MLflow's default is the current folder; an MLflow server decides for itself.
    """
    from mlflow.exceptions import MlflowException

    found = mlflow_client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    is_database = re.match(r"(sqlite|postgresql|mysql|mssql)\b", tracking_uri())
    artifacts = (project_home() / "mlruns" / name.replace("/", "-")).as_uri() if is_database else None
    try:
        return str(mlflow_client.create_experiment(name, artifact_location=artifacts, tags=EXPERIMENT_TAGS))
    except MlflowException:  # another stage made it a moment ago
        found = mlflow_client.get_experiment_by_name(name)
        if found is None:
            raise
        return str(found.experiment_id)
