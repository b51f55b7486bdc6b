"""Reading MLflow's model registry."""

import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.jobs.tracking.mend import refuse_moved
from tokenmill.jobs.tracking.store import client, store_error, tracking_uri
from tokenmill.jobs.tracking.wording import without_secrets
from tokenmill.registry.files import DIGEST_TAG
from tokenmill.registry.records import Record


@contextmanager
def open_registry() -> Iterator[Any]:
    """A client, after making sure that it gets an answer.

    Unlike tracking, registering must not go on without the store: it is all that it is for.
    """
    try:
        mlflow_client = client()
        refuse_moved()
        mlflow_client.search_registered_models(max_results=1)
    except ImportError:
        raise
    except Exception as error:
        raise store_error(error) from None
    from mlflow.exceptions import MlflowException

    try:
        with _as_global_store():
            yield mlflow_client
    except Exception as error:
        # OSError: of files that are uploaded or fetched, and of connections.
        if isinstance(error, OSError | MlflowException | sqlite3.Error):
            raise store_error(error) from error
        raise


@contextmanager
def _as_global_store() -> Iterator[None]:
    """Our store as MLflow's global one: MLflow itself resolves ``models:/`` with that, not the client's."""
    import mlflow

    before: Any = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(tracking_uri())
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)


def find_version(mlflow_client: Any, record: Record) -> Any | None:
    """The version of the model with this digest; the first one, should there be several."""
    wanted = f"name = '{record.name}' and tags.`{DIGEST_TAG}` = '{record.digest}'"
    versions = search_versions(mlflow_client, wanted)
    return min(versions, key=lambda v: int(v.version), default=None)


def search_versions(mlflow_client: Any, filter_string: str) -> list[Any]:
    found: list[Any] = []
    token = None
    while True:
        page = mlflow_client.search_model_versions(filter_string, max_results=1000, page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def aliases_of(mlflow_client: Any, name: str) -> dict[str, str]:
    """Alias -> version."""
    return {alias: str(v) for alias, v in mlflow_client.get_registered_model(name).aliases.items()}


def version_at(mlflow_client: Any, uri: str) -> Any:
    from mlflow.exceptions import MlflowException

    parts = re.fullmatch(r"models:/([^/@]+)(?:@([^/@]+)|/(\d{1,9}))", uri)
    if parts is None:
        raise UserError(f"{uri}: not an address of a model; give models:/NAME@ALIAS or models:/NAME/VERSION")
    name, alias, number = parts.groups()
    look: Callable[[], Any] = (
        (lambda: mlflow_client.get_model_version_by_alias(name, alias))
        if alias
        else (lambda: mlflow_client.get_model_version(name, number))
    )
    try:
        return look()
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
    held = sorted(
        f"models:/{model.name}@{alias}"
        for model in mlflow_client.search_registered_models()
        for alias in model.aliases
    )
    holds = f"it holds {', '.join(held)}" if held else "it is empty, `tokenmill register` fills it"
    raise UserError(f"{uri}: not in the registry at {without_secrets(tracking_uri())}; {holds}")
