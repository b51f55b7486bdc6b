"""With DVC itself: a machine that gets every out from a cache while its MLflow store is new."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DVC_YAML = """
stages:
  register:
    cmd: {python} -m tokenmill.registry
    params: [register]
    deps: [data/metrics/evaluate.json, data/models/gpt, data/models/sentiment]
    outs: [data/registry.json]
"""


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


def sync(folder: Path) -> subprocess.CompletedProcess[str]:
    return run(folder, sys.executable, "-m", "tokenmill.registry", "--sync")


@pytest.mark.slow
def test_a_clone_with_the_cache_and_a_new_store(
    evaluated: Path, migrated_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first, second = evaluated, tmp_path_factory.mktemp("machine") / "clone"
    (first / "dvc.yaml").write_text(DVC_YAML.format(python=sys.executable))
    (first / ".gitignore").write_text("mlflow.db*\nmlruns/\n.work/\n")
    git(first, "init", "-q")
    dvc(first, "init", "-q")
    dvc(first, "config", "core.analytics", "false")
    made = dvc(first, "repro")
    assert "tokenmill-gpt: version 1 (challenger, champion)" in made
    git(first, "add", "-A")
    git(first, "commit", "-qm", "all")
    git(first, "clone", "-q", str(first), str(second))
    dvc(second, "config", "--local", "cache.dir", str(first / ".dvc" / "cache"))
    shutil.copyfile(migrated_store, second / "mlflow.db")

    restored = dvc(second, "repro")
    assert "is cached - skipping run" in restored
    assert "version 1" not in restored, "the stage must not have run"
    assert (second / "data/registry.json").read_bytes() == (first / "data/registry.json").read_bytes()
    assert "didn't change, skipping" in dvc(second, "repro"), "for DVC there is nothing to do"

    filled = sync(second)
    assert (filled.returncode, filled.stderr) == (0, "")
    expected = [line for line in made.splitlines() if line.startswith("tokenmill-")]
    assert len(expected) == 2
    assert filled.stdout.splitlines() == expected
    assert list((second / "mlruns").rglob("model.safetensors")) != []
    assert sync(second).stdout == filled.stdout
    assert len(list((second / "mlruns").rglob("model.safetensors"))) == 2
