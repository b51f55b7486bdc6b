"""A store with something in it that no connection of this process holds open."""

from pathlib import Path

import pytest

from tests.jobs.tracking.helpers import open_run
from tokenmill.jobs.tracking.store import client


@pytest.fixture(scope="session")
def filled_store(tmp_path_factory: pytest.TempPathFactory, migrated_store: Path) -> Path:
    """A database with 40 runs that have metrics; tests copy it."""
    folder = tmp_path_factory.mktemp("filled")
    (folder / "mlflow.db").write_bytes(migrated_store.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.delenv("MLFLOW_RUN_CONTEXT", raising=False)
        for number in range(40):
            run = open_run("clean", settings={"number": number})
            run.log_metrics({"loss": float(number)})
            run.finish("FINISHED")
        client().create_registered_model("ours")
    return folder / "mlflow.db"


@pytest.fixture
def filled(project: Path, filled_store: Path) -> Path:
    """The project's database: 40 runs of clean."""
    path = project / "mlflow.db"
    path.write_bytes(filled_store.read_bytes())
    return path
