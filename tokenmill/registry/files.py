"""Whether a version's files are there: a version is believed only with them, and with their digest."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tokenmill.jobs.tracking.mend import local_path
from tokenmill.jobs.tracking.store import tracking_uri
from tokenmill.jobs.tracking.wording import first_line, without_secrets
from tokenmill.model.digest import model_digest
from tokenmill.registry.package import model_in_package
from tokenmill.registry.records import REGISTRY, read_records

DIGEST_TAG = "model.digest"
DAMAGED_TAG = "files.damaged"
"""Set by who fetched a version's files from a server and found them damaged: register does not fetch them."""


@dataclass(frozen=True)
class Stored:
    """Where the files of a version or a logged model ought to be."""

    location: str
    digest: str
    """SHA-256 of the model folder; empty where it was not recorded."""

    @property
    def folder(self) -> Path | None:
        """The place, where it is one of this machine's file systems."""
        return local_path(self.location)

    @property
    def shown(self) -> str:
        """The place, fit to be printed."""
        return str(self.folder or without_secrets(self.location))

    def problem(self) -> str | None:
        """What is wrong with the files, or None.

        Those that a server keeps are looked for, not fetched: their digest is compared when they are.
        """
        if self.folder is None:
            return self._problem_elsewhere()
        try:
            model = model_in_package(self.folder)
            fine = not self.digest or model_digest(model) == self.digest
        except FileNotFoundError:
            return f"gone from {self.shown}"
        return None if fine else f"damaged in {self.shown}"

    def _problem_elsewhere(self) -> str | None:
        from mlflow.exceptions import MlflowException

        try:
            models = self._listed("artifacts")
            found = {PurePosixPath(path).name for model in models for path in self._listed(model)}
        except (OSError, MlflowException) as error:
            return f"out of reach at {self.shown} ({first_line(error)})"
        return None if "model.safetensors" in found else f"gone from {self.shown}"

    def _listed(self, folder: str) -> list[str]:
        from mlflow.artifacts import list_artifacts

        place = f"{self.location.rstrip('/')}/{folder}"
        names = [entry.path for entry in list_artifacts(artifact_uri=place, tracking_uri=tracking_uri())]
        return [f"{folder}/{PurePosixPath(name).name}" for name in names]


def stored_version(mlflow_client: Any, version: Any) -> Stored:
    """Where the files of a version are, and their digest."""
    location = mlflow_client.get_model_version_download_uri(version.name, version.version)
    return Stored(str(location), version.tags.get(DIGEST_TAG, ""))


def file_problem(mlflow_client: Any, version: Any) -> str | None:
    """What is wrong with a version's files, or None."""
    stored = stored_version(mlflow_client, version)
    return stored.problem() or (f"damaged in {stored.shown}" if DAMAGED_TAG in version.tags else None)


def comes_from_here(version: Any) -> bool:
    """Whether data/registry.json names the version's model, so that register has its files."""
    digest = version.tags.get(DIGEST_TAG)
    return REGISTRY.is_file() and digest in {record.digest for record in read_records(REGISTRY)}


def remedy(version: Any) -> str:
    """How the files of a version come back."""
    if comes_from_here(version):
        return "`tokenmill register` uploads them again"
    commit = version.tags.get("git.commit")
    if commit and DIGEST_TAG in version.tags:
        return (
            f"they come from an older state of the project: check out commit {commit[:12]}, run "
            "`dvc checkout` and `tokenmill register`, or choose another version"
        )
    return "choose another version, or train the model and register it again"
