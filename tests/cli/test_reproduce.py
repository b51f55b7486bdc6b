"""`tokenmill reproduce` in a project of its own: the same bytes again, and what is missing in one line."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.registry.notes import texts, write_params
from tokenmill.cli.init import init
from tokenmill.cli.origin import lineage, trace
from tokenmill.cli.reproduce import reproduce
from tokenmill.core.errors import UserError
from tokenmill.jobs.tracking.store import client
from tokenmill.registry.provenance import changed_files
from tokenmill.registry.sync import sync

pytestmark = pytest.mark.slow

URI = "models:/our-scribe/1"


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def dvc(*arguments: str) -> None:
    run(sys.executable, "-m", "dvc", *arguments)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, migrated_store: Path) -> Iterator[Path]:
    """A committed project whose raw text is in DVC's remote, run and registered; the current folder."""
    folder = tmp_path_factory.mktemp("reproduce")
    before = Path.cwd()
    with pytest.MonkeyPatch.context() as patch:
        for role in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{role}_NAME", "somebody")
            patch.setenv(f"GIT_{role}_EMAIL", "somebody@localhost")
        for name in ("DVC_ROOT", "MLFLOW_TRACKING_URI", "PYTHONPATH"):
            patch.delenv(name, raising=False)
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        project = folder / "project"
        init(ROOT, project, "english-gpt")
        os.chdir(project)
        shutil.copyfile(migrated_store, "mlflow.db")
        write_params(12_800)
        (project / "data/sources/notes").mkdir(parents=True)
        (project / "data/sources/notes/1.txt").write_text(texts(150, 1), "utf-8")
        dvc("add", "--quiet", "data/sources/notes/1.txt")
        dvc("remote", "add", "--default", "store", str(folder / "remote"))
        dvc("push", "--quiet")
        run("git", "add", "--all")
        run("git", "commit", "--quiet", "--message", "notes")
        dvc("repro", "--quiet")
        yield project
        os.chdir(before)


def test_a_version_comes_out_again_from_its_number(made: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert subprocess.check_output(["git", "status", "--porcelain"]) != b""  # dvc.lock, metrics
    assert changed_files() == []
    (standing,) = sync()
    assert standing.version == "1"
    lineage(URI)
    told = capfd.readouterr().out
    assert told.startswith("models:/our-scribe/1 (challenger, champion): bits_per_byte ")
    for part in ("pretrained: small-gpt", "tokenizer small: ", "raw notes: ", "notes/1.txt: ", "commit "):
        assert part in told
    text = texts(150, 1).splitlines()[0]
    trace(URI, text=text, document=None)
    told = capfd.readouterr().out
    assert "line 1 of notes/1.txt" in told and told.splitlines()[0].endswith(("training", "validation"))

    shutil.rmtree(made / "data/sources/notes")
    (made / "data/sources/notes").mkdir()
    reproduce(URI, None)
    digest = client().get_model_version("our-scribe", "1").tags["model.digest"]
    told = capfd.readouterr().out
    assert told.splitlines()[-1] == f"same bytes: our-scribe version 1 came out again, SHA-256 {digest}"
    clone = made / ".work/reproduce/our-scribe-1"
    assert (clone / "data/sources/notes/1.txt").read_text("utf-8") == texts(150, 1)

    other = clone / "data/clean/manifest.json"
    assert other.is_file()


def test_raw_text_that_is_another_or_gone_is_named_by_its_digest(made: Path, tmp_path: Path) -> None:
    sync()
    (made / "data/sources/notes/1.txt").write_text(texts(150, 2), "utf-8")
    shutil.rmtree(made.parent / "remote")
    with pytest.raises(UserError, match=r"data/sources/notes/1\.txt .*[0-9a-f]{64} \(here it has") as error:
        reproduce(URI, tmp_path / "clone")
    assert len(str(error.value).splitlines()) == 1
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file").touch()
    with pytest.raises(UserError, match="not empty, and no clone at"):
        reproduce(URI, tmp_path / "other")


def test_a_commit_that_is_nowhere(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sync()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{made / 'mlflow.db'}")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="not in this repository, and no remote was recorded"):
        reproduce(URI, tmp_path / "clone")


def test_a_version_of_uncommitted_settings_is_refused_unless_told_otherwise(made: Path) -> None:
    sync()
    client().delete_registered_model("our-scribe")
    params = Path("params.yaml")
    content = params.read_text("utf-8")
    params.write_text(content + "# a change\n", "utf-8")
    with pytest.raises(UserError, match=r"^params\.yaml is not committed, .* --allow-dirty`$"):
        sync()
    (standing,) = sync(allow_dirty=True)
    assert standing.version == "1"
    params.write_text(content, "utf-8")
