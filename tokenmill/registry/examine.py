"""The doctor's part of the registry: versions whose files are gone or damaged."""

from dataclasses import dataclass
from typing import Any

from tokenmill.registry.files import comes_from_here, file_problem, remedy
from tokenmill.registry.lookup import aliases_of, open_registry
from tokenmill.registry.records import REGISTRY, read_records


@dataclass(frozen=True)
class Incomplete:
    """A version that has an alias and not its files."""

    problem: str
    remedy: str
    mendable: bool
    """Whether ``tokenmill register`` has the files to upload."""


def incomplete_versions() -> list[Incomplete]:
    """Of the models that data/registry.json names, the versions with an alias and without their files.

    Raises:
        UserError: MLflow cannot be used.
    """
    names = sorted({record.name for record in read_records(REGISTRY)})
    if not names:
        return []
    with open_registry() as mlflow_client:
        held = {model.name for model in mlflow_client.search_registered_models()}
        return [found for name in names if name in held for found in _of_model(mlflow_client, name)]


def _of_model(mlflow_client: Any, name: str) -> list[Incomplete]:
    found = []
    for number in sorted(set(aliases_of(mlflow_client, name).values()), key=int):
        version = mlflow_client.get_model_version(name, number)
        problem = file_problem(mlflow_client, version)
        if problem is not None:
            where = f"models:/{name}/{number}: its files are {problem}"
            found.append(Incomplete(where, remedy(version), comes_from_here(version)))
    return found
