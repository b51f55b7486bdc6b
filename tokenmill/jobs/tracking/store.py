"""The MLflow store: where it is, a client that gives up soon, and its experiments."""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.jobs.process import disk_is_full
from tokenmill.jobs.publish import exclusive, project_home
from tokenmill.jobs.settings_file import read_yaml
from tokenmill.jobs.tracking.database import FULL, explained, look, make, sqlite_path
from tokenmill.jobs.tracking.wording import first_line, without_secrets

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


def client() -> Any:
    """An ``MlflowClient`` on :func:`tracking_uri`. MLflow is imported here: it costs seconds.

    Raises:
        UserError: the store is a sqlite file that is damaged, locked or out of reach, found out at once.
    """
    prepare()
    uri = tracking_uri()
    path = sqlite_path(uri)
    if path is None:
        import mlflow

        return mlflow.MlflowClient(uri)
    # Of two stages that start at once, one makes the database and the other waits for it.
    with store_lock():
        made = look(path)
        import mlflow

        if not made:
            make(path)
        try:
            return mlflow.MlflowClient(uri)
        except Exception as error:
            raise explained(path, error) from None


def main() -> None:
    """Make the store where there is none, before a server is started on it; one line where it is broken."""
    try:
        client()
    except Exception as error:
        raise SystemExit(f"error: {store_error(error)}") from None


def prepare() -> None:
    """What MLflow reads when it is imported and used: nothing reports home, nothing waits for minutes.

    Of its database it logs nothing, as we say that in a line.
    """
    for name, value in (ENVIRONMENT | QUICK_HTTP).items():
        os.environ.setdefault(name, value)
    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


def store_lock() -> AbstractContextManager[None]:
    """Held by who opens, makes or replaces a store that is a file."""
    return exclusive(project_home() / ".work" / "mlflow.lock")


def store_error(error: BaseException) -> UserError:
    """What an error of MLflow means, in one line that ends with what to do."""
    path, where = sqlite_path(tracking_uri()), f"MLflow at {without_secrets(tracking_uri())}"
    if isinstance(error, UserError):
        return error
    if isinstance(error, ImportError):
        return UserError(f"MLflow cannot be loaded: {first_line(error)}")
    if path is not None:
        return explained(path, error)
    if disk_is_full(error):
        return UserError(FULL)
    said = first_line(error)
    if type(error).__name__ == "RestException" or "failed with error code" in said:
        return UserError(f"{where} refuses: {said}; its log says more")
    return UserError(f"{where} cannot be reached: {said}; start it or set MLFLOW_TRACKING_URI")


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


EXPERIMENT = "tokenmill"
"""Where params.yaml says no other name under ``runtime.experiment``."""

EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
"""MLflow's UI opens an experiment in the view for training, not in the one for chats and traces."""


def experiment_name() -> str:
    """The name of the project's experiment: ``runtime.experiment`` of params.yaml in the current folder."""
    try:
        name = read_yaml(Path("params.yaml"))["runtime"]["experiment"]
    except (UserError, KeyError, TypeError):  # stages and commands that need params.yaml say what is wrong
        return EXPERIMENT
    return name if isinstance(name, str) and name else EXPERIMENT


def experiment_id(mlflow_client: Any) -> str:
    """The id of the project's experiment; it is made when it is not there.

    A store that is a database opened from here keeps its artifacts in the repository's ``mlruns``, because
    MLflow's default is the current folder; an MLflow server decides for itself.

    Raises:
        UserError: somebody deleted it, which MLflow lets nobody make again.
    """
    from mlflow.exceptions import MlflowException

    name = experiment_name()
    found = mlflow_client.get_experiment_by_name(name)
    if found is not None and found.lifecycle_stage == "deleted":
        raise UserError(f"MLflow's experiment {name} was deleted; `tokenmill doctor --fix` restores it")
    if found is not None:
        return str(found.experiment_id)
    is_database = re.match(r"(sqlite|postgresql|mysql|mssql)\b", tracking_uri())
    folder = re.sub(r"[^\w.-]", "-", name)
    artifacts = (project_home() / "mlruns" / folder).as_uri() if is_database else None
    try:
        return str(mlflow_client.create_experiment(name, artifact_location=artifacts, tags=EXPERIMENT_TAGS))
    except MlflowException:  # another stage made it a moment ago
        found = mlflow_client.get_experiment_by_name(name)
        if found is None:
            raise
        return str(found.experiment_id)
