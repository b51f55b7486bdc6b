"""The files of a registered model."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.jobs.publish import project_home
from tokenmill.jobs.tracking.store import first_line, patient_http, tracking_uri, without_secrets
from tokenmill.model.digest import model_digest
from tokenmill.registry.lookup import DIGEST_TAG, open_registry, version_at
from tokenmill.registry.package import model_in_package


def local_model_folder(uri: str) -> Path:
    """The folder with ``model.safetensors`` of ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``.

    Models of a remote store are downloaded once, to the work folder.

    Raises:
        UserError: the registry does not hold it, its files are gone, or MLflow cannot be reached.
    """
    with open_registry() as mlflow_client:
        version = version_at(mlflow_client, uri)
        location = mlflow_client.get_model_version_download_uri(version.name, version.version)
        try:
            if location.startswith(("/", "file:")):
                from mlflow.utils.file_utils import local_file_uri_to_path

                return model_in_package(Path(local_file_uri_to_path(location)))
            return _download(location, version)
        except OSError as error:
            raise UserError(
                f"{uri}: its files are gone from {without_secrets(location)} ({first_line(error)}); "
                f"delete version {version.version} in MLflow and run `tokenmill register`"
            ) from None


def _download(location: str, version: Any) -> Path:
    """Fetch a remote model once; what was fetched is checked against the version's digest."""
    from mlflow.artifacts import download_artifacts

    digest = version.tags.get(DIGEST_TAG, "")
    target = project_home() / ".work" / "models" / (digest or f"{version.name}-{version.version}")
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary, patient_http():
        download_artifacts(artifact_uri=location, dst_path=temporary, tracking_uri=tracking_uri())
        packages = [path.parent for path in Path(temporary).rglob("MLmodel")]
        found = model_in_package(packages[0] if packages else Path(temporary))
        if digest and model_digest(found) != digest:
            raise UserError(f"{version.name} version {version.version}: damaged in the store; try again")
        shutil.move(found, target)
    return target
