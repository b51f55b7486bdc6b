"""Making MLflow's registry hold what data/registry.json says: one version a model, found by its digest.

Every step looks at what the registry holds and does what is missing, so a process that was killed between any
two of them is made good by running again. Versions, aliases and reasons stand in MLflow alone.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from tokenmill.core.files import digest_value
from tokenmill.jobs.publish import exclusive, project_home
from tokenmill.registry.champion import (
    CHALLENGER,
    DECISION_TAG,
    Standing,
    compare_with_champion,
    promote_version,
    standing_of,
)
from tokenmill.registry.files import file_problem
from tokenmill.registry.lookup import aliases_of, find_version, open_registry, search_versions
from tokenmill.registry.provenance import need_commit
from tokenmill.registry.records import REGISTRY, Record, check_folder, read_records
from tokenmill.registry.upload import LazyRun, create_version, measured_tag, upload_again


def registry_lock() -> Path:
    """The file by which processes of one project wait for each other."""
    return project_home() / ".work" / "registry.lock"


def sync(path: Path = REGISTRY, *, allow_dirty: bool = False) -> list[Standing]:
    """Register every model that ``path`` names, whatever DVC restored and from where; says how each stands.

    What the registry holds already is left, and files of it that are gone or damaged are uploaded again. A
    version that was not compared with the champion yet is. Two machines that register the same model in the
    same moment may make two versions of it; the older one is then used. A new version whose code or settings
    are not committed could not be made again: it is refused unless ``allow_dirty``.

    Raises:
        UserError: a file is missing or not what was recorded, or MLflow cannot be used.
    """
    return register_models(read_records(path), allow_dirty=allow_dirty)


def register_models(records: list[Record], *, allow_dirty: bool = False) -> list[Standing]:
    """:func:`sync` for records at hand. An MLflow run is opened when there is something to do."""
    if not records:
        return []
    key = digest_value([record.model_dump() for record in records])[:16]
    with exclusive(registry_lock()), open_registry() as mlflow_client:
        run = LazyRun(key)
        try:
            standings = [_register(mlflow_client, record, run, allow_dirty) for record in records]
        except BaseException:
            run.close("FAILED")
            raise
        run.close("FINISHED")
    return standings


def promote(name: str, version: str) -> Standing:
    """Make a version champion because a person says so.

    Raises:
        UserError: the registry does not hold it, or MLflow cannot be reached.
    """
    with exclusive(registry_lock()), open_registry() as mlflow_client:
        return promote_version(mlflow_client, name, version)


def _register(mlflow_client: Any, record: Record, run: LazyRun, allow_dirty: bool) -> Standing:
    version = find_version(mlflow_client, record)
    if version is None or Path(record.folder).exists():
        check_folder(record)
    if version is None:
        if not allow_dirty:
            need_commit(record.name)
        version = create_version(mlflow_client, record, run)
    number = str(version.version)
    problem = file_problem(mlflow_client, version)
    if problem is not None:
        check_folder(record)
        upload_again(mlflow_client, record, version)
    measured = measured_tag(record.metric, record.test_digest)
    if version.tags.get(measured) != repr(record.value):  # measured again, on other test data
        mlflow_client.set_model_version_tag(record.name, number, measured, repr(record.value))
    versions = search_versions(mlflow_client, f"name = '{record.name}'")
    newest = str(max(int(v.version) for v in versions))
    if aliases_of(mlflow_client, record.name).get(CHALLENGER) != newest:
        mlflow_client.set_registered_model_alias(record.name, CHALLENGER, newest)
    if DECISION_TAG not in version.tags:
        run.open()
        compare_with_champion(mlflow_client, record, version)
    standing = standing_of(mlflow_client, record.name, number)
    if problem is not None:
        standing = replace(standing, mended=f"its files, {problem}, were uploaded again")
    run.note(record.name, str(standing))
    return standing
