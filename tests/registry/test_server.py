"""A registry behind an MLflow server: models travel over HTTP and are fetched once."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs.tracking.helpers import runs_of
from tests.servers import free_port, running, with_our_programs
from tokenmill.core.errors import UserError
from tokenmill.jobs.tracking.store import ENVIRONMENT
from tokenmill.model.digest import model_digest
from tokenmill.registry.download import local_model_folder
from tokenmill.registry.sync import sync


@pytest.fixture
def server(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """MLflow's server on the project's store; the project itself knows only its address."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1", "--backend-store-uri", f"sqlite:///{project / 'mlflow.db'}",
        "--artifacts-destination", str(project / "served"),
    ]  # fmt: skip
    environment = with_our_programs({**os.environ, **ENVIRONMENT})
    with running(command, ready=f"{url}/health", log=project / "server.log", environment=environment):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
        yield


@pytest.mark.slow
def test_over_http(server: None, registered: Path) -> None:
    before = sync()
    assert [standing.aliases for standing in before] == [("challenger", "champion")] * 2
    assert sync() == before
    run = runs_of("register")[0]
    assert run.info.status == "FINISHED"
    assert run.info.artifact_uri.startswith("mlflow-artifacts:")
    assert not (registered / "mlruns").exists()

    digest = model_digest(registered / "data/models/scribe")
    folder = local_model_folder("models:/our-scribe@champion")
    assert folder == registered / ".work" / "models" / digest
    assert model_digest(folder) == digest
    made = folder.stat().st_ino
    assert local_model_folder("models:/our-scribe/1").stat().st_ino == made, "fetched once"

    for weights in (registered / "served").rglob("mood/model.safetensors"):
        weights.write_bytes(weights.read_bytes()[:-1] + b"\xff")
    for _ in range(2):
        with pytest.raises(
            UserError, match=r"our-mood@champion: its files are damaged in mlflow-art.*; `tokenmill reg"
        ):
            local_model_folder("models:/our-mood@champion")
    assert [path.name for path in folder.parent.iterdir()] == [digest]
    assert [standing.mended.partition(",")[0] for standing in sync()] == ["", "its files"]
    mood = model_digest(registered / "data/models/mood")
    assert model_digest(local_model_folder("models:/our-mood@champion")) == mood

    shutil.rmtree(registered / "served")
    shutil.rmtree(folder.parent)
    with pytest.raises(UserError, match="our-mood@champion: its files are gone from mlflow-artifacts:"):
        local_model_folder("models:/our-mood@champion")
    assert all("gone from" in standing.mended for standing in sync())
    assert model_digest(local_model_folder("models:/our-mood@champion")) == mood
    assert sync() == before
