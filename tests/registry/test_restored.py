"""With DVC itself: a machine that gets every out from a cache while its MLflow store is new."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.registry.helpers import SETTINGS

DVC_YAML = """
stages:
  register:
    cmd: {python} stage.py
    params: [register]
    deps: [data/evaluation, data/models, data/report]
    outs: [data/registry.json]
"""
STAGE = """
from pathlib import Path
from ruamel.yaml import YAML
from tokenmill.registry.records import make_records, write_records
from tokenmill.registry.settings import RegisteredModel

entries = YAML(typ="safe", pure=True).load(Path("params.yaml"))["register"]
settings = {name: RegisteredModel(**entry) for name, entry in entries.items()}
records = make_records(settings, Path("data/models"), Path("data/evaluation"), Path("data/report"))
write_records(Path("data/registry.json"), records)
"""
"""stages/register.py without the other groups of params.yaml, which its project would have to fill."""


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command in a folder, with no store or home but the folder's own."""
    drop = ("DVC_ROOT", "MLFLOW_TRACKING_URI")
    environment = {k: v for k, v in os.environ.items() if k not in drop}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=200)


def dvc(folder: Path, *arguments: str) -> str:
    done = run(folder, sys.executable, "-m", "dvc", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    assert run(folder, "git", *identity, *arguments).returncode == 0


def register(folder: Path) -> str:
    done = run(
        folder, sys.executable, "-c", "from tokenmill.cli.store import register; register(allow_dirty=True)"
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.slow
def test_a_clone_with_the_cache_and_a_new_store(
    evaluated: Path, migrated_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first, second = evaluated, tmp_path_factory.mktemp("machine") / "clone"
    entries = "".join(f"  {name}: {entry.model_dump_json()}\n" for name, entry in SETTINGS.items())
    (first / "params.yaml").write_text(f"register:\n{entries}")
    (first / "stage.py").write_text(STAGE)
    (first / "dvc.yaml").write_text(DVC_YAML.format(python=sys.executable))
    (first / ".gitignore").write_text("mlflow.db*\nmlruns/\n.work/\n")
    git(first, "init", "-q")
    dvc(first, "init", "-q")
    dvc(first, "config", "core.analytics", "false")
    dvc(first, "repro")
    made = register(first)
    assert "our-scribe: version 1 (challenger, champion)" in made
    git(first, "add", "-A")
    git(first, "commit", "-qm", "all")
    git(first, "clone", "-q", str(first), str(second))
    dvc(second, "config", "--local", "cache.dir", str(first / ".dvc" / "cache"))
    shutil.copyfile(migrated_store, second / "mlflow.db")

    assert "is cached - skipping run" in dvc(second, "repro")
    assert (second / "data/registry.json").read_bytes() == (first / "data/registry.json").read_bytes()
    assert register(second) == made
    assert register(second) == made
    assert len(list((second / "mlruns").rglob("model.safetensors"))) == 2
