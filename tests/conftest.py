"""What all tests share: a project folder of their own with an MLflow store of their own."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tokenmill.jobs.tracking.store import client

ROOT = Path(__file__).resolve().parents[1]

# No test depends on how fast a machine is.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# By hand, for as long as it takes: HYPOTHESIS_PROFILE=long. Tests that name a number of their own keep it.
settings.register_profile("long", settings.get_profile("any-machine"), max_examples=20_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "any-machine"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow files first: of two processes that take file after file, none then works alone for minutes."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    whole_runs = {ROOT / "tests" / room for room in ("stages", "flows", "registry", "docs")}
    items.sort(key=lambda item: item.path not in slow and not whole_runs.intersection(item.path.parents))


@pytest.fixture(scope="session")
def migrated_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database. Making one takes seconds, so tests copy this one."""
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        client().search_experiments()
    return folder / "mlflow.db"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrated_store: Path) -> Iterator[Path]:
    """An empty project folder, the current one, with an empty MLflow store at the default place.

    Processes started from a test find our packages and the same project.
    """
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_CONTEXT", "DVC_EXP_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(migrated_store, tmp_path / "mlflow.db")
    yield tmp_path
