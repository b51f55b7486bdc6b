"""MLflow's model registry: one version a model, found by the digest of its folder.

Every step looks at what the registry holds and does what is missing, so a process that was killed between any
two of them is made good by running again. Versions, aliases and reasons stand in MLflow alone.
"""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.core.files import digest_tree, digest_value
from tokenmill.jobs.publish import exclusive, project_home
from tokenmill.jobs.tracking.run import Run
from tokenmill.jobs.tracking.store import first_line, patient_http, tracking_uri, without_secrets
from tokenmill.registry.gate import judge
from tokenmill.registry.lookup import (
    DIGEST_TAG,
    aliases_of,
    find_version,
    open_registry,
    search_versions,
    version_at,
)
from tokenmill.registry.package import model_in_package
from tokenmill.registry.records import Record, check_folder, read_records
from tokenmill.registry.upload import LazyRun, create_version, measured_tag

CHAMPION, CHALLENGER = "champion", "challenger"
DECISION_TAG = "decision"
"""Set last: a version without it has not been judged, or its judging was interrupted."""
REASON_TAG = "reason"


@dataclass(frozen=True)
class Standing:
    """Where a model stands in the registry."""

    name: str
    version: str
    aliases: tuple[str, ...]
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: version {self.version} ({', '.join(self.aliases) or 'no alias'}): {self.reason}"


def sync(path: Path = Path("data/registry.json")) -> list[Standing]:
    """Make the registry hold every model that ``path`` names, whatever DVC restored and from where.

    Raises:
        UserError: a file is missing or not what was recorded, or MLflow cannot be reached.
    """
    return register_models(read_records(path))


def register_models(
    records: list[Record], *, run: Run | None = None, stage_hash: str | None = None
) -> list[Standing]:
    """Register the models that the registry lacks, judge those that were not judged; says how each stands.

    ``run`` is the MLflow run that this is done in; without one, a run is opened when there is something to
    do. On one machine calls wait for each other. Two machines that register the same model in the same moment
    may make two versions of it; the older one is then used.

    Raises:
        UserError: a model is missing or not the one recorded, or MLflow cannot be reached.
    """
    key = stage_hash or digest_value([record.model_dump() for record in records])[:16]
    with exclusive(project_home() / ".work" / "registry.lock"), open_registry() as mlflow_client:
        runs = LazyRun(run, key)
        try:
            standings = [_register(mlflow_client, record, runs, key) for record in records]
        except BaseException:
            runs.close("FAILED")
            raise
        runs.close("FINISHED")
    return standings


def promote(name: str, version: str) -> Standing:
    """Make a version champion because a person says so.

    Raises:
        UserError: the registry does not hold it, or MLflow cannot be reached.
    """
    with exclusive(project_home() / ".work" / "registry.lock"), open_registry() as mlflow_client:
        found = version_at(mlflow_client, f"models:/{name}/{version}")
        old = aliases_of(mlflow_client, name).get(CHAMPION)
        instead = f" in place of version {old}" if old not in (None, version) else ""
        _crown(mlflow_client, found, True, f"promoted by hand{instead}")
        return _standing(mlflow_client, name, version)


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


def _register(mlflow_client: Any, record: Record, runs: LazyRun, key: str) -> Standing:
    version = find_version(mlflow_client, record)
    if version is None or Path(record.folder).exists():
        check_folder(record)
    if version is None:
        version = create_version(mlflow_client, record, runs, key)
    number = str(version.version)
    measured = measured_tag(record.metric, record.test_digest)
    if version.tags.get(measured) != repr(record.value):  # measured again, on other test data
        mlflow_client.set_model_version_tag(record.name, number, measured, repr(record.value))
    versions = search_versions(mlflow_client, f"name = '{record.name}'")
    newest = str(max(int(v.version) for v in versions))
    if aliases_of(mlflow_client, record.name).get(CHALLENGER) != newest:
        mlflow_client.set_registered_model_alias(record.name, CHALLENGER, newest)
    if DECISION_TAG not in version.tags:
        _decide(mlflow_client, record, version, runs)
    standing = _standing(mlflow_client, record.name, number)
    runs.note(record.name, str(standing))
    return standing


def _decide(mlflow_client: Any, record: Record, version: Any, runs: LazyRun) -> None:
    """Judge a version that was not judged before."""
    runs.get()
    number = str(version.version)
    champion = aliases_of(mlflow_client, record.name).get(CHAMPION)
    if champion == number:  # the process that crowned it was killed before it said so
        reason = version.tags.get(REASON_TAG, "made champion by hand")
        _crown(mlflow_client, version, True, reason)
        return
    champion_value = None
    if champion is not None:
        tags = mlflow_client.get_model_version(record.name, champion).tags
        figure = tags.get(measured_tag(record.metric, record.test_digest))
        champion_value = None if figure is None else float(figure)
    verdict = judge(
        record.name,
        number,
        metric=record.metric,
        value=record.value,
        better=record.better,
        champion=champion,
        champion_value=champion_value,
    )
    _crown(mlflow_client, version, verdict.champion, verdict.reason)


def _crown(mlflow_client: Any, version: Any, champion: bool, reason: str) -> None:
    """Write the reason, move the alias, write the decision: in this order, a kill shows what is left."""
    name, number = version.name, str(version.version)
    mlflow_client.set_model_version_tag(name, number, REASON_TAG, reason)
    if champion:
        mlflow_client.set_registered_model_alias(name, CHAMPION, number)
    decision = CHAMPION if champion else CHALLENGER
    mlflow_client.set_model_version_tag(name, number, DECISION_TAG, decision)


def _standing(mlflow_client: Any, name: str, version: str) -> Standing:
    aliases = tuple(sorted(a for a, v in aliases_of(mlflow_client, name).items() if v == version))
    tags = mlflow_client.get_model_version(name, version).tags
    return Standing(name, version, aliases, tags.get(REASON_TAG, "not judged"))


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
        if digest and digest_tree(found) != digest:
            raise UserError(f"{version.name} version {version.version}: damaged in the store; try again")
        shutil.move(found, target)
    return target
