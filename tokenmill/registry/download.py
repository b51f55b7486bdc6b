"""The files of a registered model."""

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.jobs.publish import project_home
from tokenmill.jobs.tracking.store import patient_http, tracking_uri
from tokenmill.model.digest import model_digest
from tokenmill.registry.files import DAMAGED_TAG, Stored, file_problem, remedy, stored_version
from tokenmill.registry.lookup import open_registry, version_at
from tokenmill.registry.package import model_in_package


def local_model_folder(uri: str) -> Path:
    """The folder with ``model.safetensors`` of ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``.

    Models of a remote store are downloaded once, to the work folder.

    Raises:
        UserError: the registry does not hold it, its files are gone or damaged, or MLflow cannot be used.
    """
    with open_registry() as mlflow_client:
        return version_folder(mlflow_client, version_at(mlflow_client, uri), uri)


def version_folder(mlflow_client: Any, version: Any, uri: str) -> Path:
    """:func:`local_model_folder` of a version at hand."""
    from mlflow.exceptions import MlflowException

    stored = stored_version(mlflow_client, version)
    target = project_home() / ".work" / "models" / (stored.digest or f"{version.name}-{version.version}")
    if stored.folder is None and target.is_dir():
        return target
    problem = file_problem(mlflow_client, version)
    if problem is not None:
        raise UserError(f"{uri}: its files are {problem}; {remedy(version)}")
    if stored.folder is not None:
        return model_in_package(stored.folder)
    if not _download(stored, target):
        with suppress(MlflowException):  # who may only read cannot say so
            mlflow_client.set_model_version_tag(version.name, version.version, DAMAGED_TAG, "true")
        raise UserError(f"{uri}: its files are damaged in {stored.shown}; {remedy(version)}")
    return target


def _download(stored: Stored, target: Path) -> bool:
    """Fetch a remote model; whether it has the digest that it ought to have."""
    from mlflow.artifacts import download_artifacts

    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary, patient_http():
        download_artifacts(artifact_uri=stored.location, dst_path=temporary, tracking_uri=tracking_uri())
        packages = [path.parent for path in Path(temporary).rglob("MLmodel")]
        found = model_in_package(packages[0] if packages else Path(temporary))
        if stored.digest and model_digest(found) != stored.digest:
            return False
        shutil.move(found, target)
    return True
