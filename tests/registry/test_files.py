"""A version is believed only when its files are there and have its digest."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.registry.helpers import run_stage
from tokenmill.cli.store import check
from tokenmill.core.errors import UserError
from tokenmill.jobs.tracking.store import client
from tokenmill.model.digest import model_digest
from tokenmill.registry.download import local_model_folder
from tokenmill.registry.sync import sync

MakeModel = Callable[..., Path]
WriteEvaluation = Callable[..., None]
CHAMPION = "models:/our-scribe@champion"


@pytest.fixture
def synced(registered: Path) -> Path:
    """A project whose registry holds both models."""
    sync()
    (registered / ".dvc").mkdir()
    return registered


def stored(project: Path) -> Path:
    """The stored weights of the scribe."""
    (weights,) = (project / "mlruns").rglob("scribe/model.safetensors")
    return weights


def flip_a_byte(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1]))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "all removed": lambda project: shutil.rmtree(project / "mlruns"),
    "weights removed": lambda project: stored(project).unlink(),
    "a byte changed": lambda project: flip_a_byte(stored(project)),
    "a file more": lambda project: stored(project).with_name("more.bin").write_bytes(b"?"),
}


@pytest.mark.parametrize("way", DAMAGES)
def test_what_is_missing_is_uploaded_again(synced: Path, way: str) -> None:
    before = sync()
    DAMAGES[way](synced)
    problem = "gone" if "removed" in way else "damaged"
    with pytest.raises(UserError) as error:
        local_model_folder(CHAMPION)
    assert str(error.value).startswith(f"{CHAMPION}: its files are {problem} ")
    assert str(error.value).endswith("; `tokenmill register` uploads them again")

    scribe, mood = sync()
    assert str(scribe).startswith(f"{before[0]}; its files, {problem} ")
    assert str(scribe).endswith(", were uploaded again")
    assert (mood.mended != "") == (way == "all removed")
    assert sync() == before
    assert model_digest(local_model_folder(CHAMPION)) == model_digest(synced / "data/models/scribe")
    assert len(client().search_model_versions("name = 'our-scribe'")) == 1
    experiment = client().get_experiment_by_name("tokenmill").experiment_id
    assert len(client().search_logged_models([experiment])) == 2


def test_what_is_missing_here_too_is_named(synced: Path) -> None:
    shutil.rmtree(synced / "mlruns")
    shutil.rmtree(synced / "data/models")
    with pytest.raises(
        UserError, match=r"^data/models/scribe: missing, and the registry does not hold .* files"
    ):
        sync()


def test_a_deleted_version_comes_back_with_its_files(synced: Path) -> None:
    """As somebody does who was told to delete it: the store still knows the upload, without its files."""
    shutil.rmtree(synced / "mlruns")
    client().delete_registered_model("our-scribe")
    sync()
    assert model_digest(local_model_folder(CHAMPION)) == model_digest(synced / "data/models/scribe")


def test_a_version_whose_upload_was_deleted(synced: Path) -> None:
    shutil.rmtree(synced / "mlruns")
    experiment = client().get_experiment_by_name("tokenmill").experiment_id
    for model in client().search_logged_models([experiment]):
        client().delete_logged_model(model.model_id)
    sync()
    assert model_digest(local_model_folder(CHAMPION)) == model_digest(synced / "data/models/scribe")


def test_an_older_version_says_where_its_files_come_from(
    synced: Path,
    make_model: MakeModel,
    write_evaluation: WriteEvaluation,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_model("scribe", seed=2)
    write_evaluation("scribe", 9.0)  # worse: version 1 stays champion
    run_stage()
    sync()
    client().set_model_version_tag("our-scribe", "1", "git.commit", "0123456789abcdef")
    shutil.rmtree(synced / "mlruns")
    older = "check out commit 0123456789ab, run `dvc checkout` and `tokenmill register`"
    with pytest.raises(UserError, match=older):
        local_model_folder(CHAMPION)
    with pytest.raises(UserError, match=r"^doctor: 2 to mend; `tokenmill doctor --fix` does it$"):
        check(fix=False)
    with pytest.raises(UserError, match=r"^doctor: 1 to mend by hand, as said above$"):
        check(fix=True)
    told = capsys.readouterr().out
    assert "models:/our-scribe/1: its files are gone from" in told and older in told
    assert local_model_folder("models:/our-scribe/2").is_dir()
    with pytest.raises(UserError, match="doctor: 1 to mend by hand"):
        check(fix=False)


def test_the_doctor_uploads_again(synced: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(synced / "mlruns")
    with pytest.raises(UserError, match=r"^doctor: 2 to mend; `tokenmill doctor --fix` does it$"):
        check(fix=False)
    assert "to do: `tokenmill register` uploads them again" in capsys.readouterr().out
    check(fix=True)
    assert capsys.readouterr().out.endswith("nothing is left to mend\n")
    check(fix=False)
    assert capsys.readouterr().out == "nothing is left to mend\n"


PROJECT = "import os, sys; sys.path.insert(0, os.environ['PYTHONPATH']); from tokenmill.cli.store import *; "


def run(project: Path, code: str) -> subprocess.CompletedProcess[str]:
    """A command of ours in a process of its own, as a person runs it."""
    return subprocess.run(
        [sys.executable, "-c", PROJECT + code], cwd=project, capture_output=True, text=True, timeout=200
    )


ONE_LINE = """
from tokenmill.core.errors import UserError
try:
    register()
except UserError as error:
    print(f"error: {error}", file=sys.stderr)
"""


def test_a_lost_database_is_filled_again(synced: Path) -> None:
    (synced / "mlflow.db").write_bytes(b"not a database\n" * 1000)
    done = run(synced, "check(fix=True)")
    assert (done.returncode, done.stderr) == (0, "")
    assert "mlflow.db: damaged (file is not a database); done: set aside as mlflow.db-broken-" in done.stdout
    assert "our-scribe: version 1 (challenger, champion)" in done.stdout
    assert done.stdout.endswith("nothing is left to mend\n")
    assert run(synced, "check(fix=False)").stdout == "nothing is left to mend\n"


def test_a_moved_project(
    synced: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = tmp_path_factory.mktemp("new") / "place"
    digest = model_digest(synced / "data/models/scribe")
    shutil.copytree(synced, new)  # this process holds the old database open
    shutil.rmtree(synced)
    monkeypatch.setenv("DVC_ROOT", str(new))
    monkeypatch.chdir(new)
    for ask in (lambda: local_model_folder(CHAMPION), sync):
        with pytest.raises(
            UserError, match=r"names files of .*, where the project no longer is; `tokenmill doctor"
        ):
            ask()
    assert not synced.exists()
    check(fix=True)
    folder = local_model_folder(CHAMPION)
    assert folder.is_relative_to(new) and model_digest(folder) == digest
    assert [standing.mended for standing in sync()] == ["", ""]


@pytest.mark.parametrize("full", ["files", "database"])
def test_registering_on_a_full_disk(registered: Path, full: str) -> None:
    """The store's files, or its database, have a disk of their own here, which has no room."""
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-rm", "true"], capture_output=True).returncode:
        pytest.skip("needs a file system of its own: Linux with user namespaces")
    place = registered / ("mlruns" if full == "files" else "small")
    place.mkdir()
    steps = [f"mount -t tmpfs -o size=1200k tmpfs {place}"]
    if full == "database":
        steps += [f"cp mlflow.db {place}", f"export MLFLOW_TRACKING_URI=sqlite:///{place}/mlflow.db"]
    steps += [f"(head -c 2m /dev/zero > {place}/rest || true) 2>/dev/null", 'exec "$0" -c "$1"']
    done = subprocess.run(
        [unshare, "-rm", "sh", "-c", " && ".join(steps), sys.executable, PROJECT + ONE_LINE],
        cwd=registered, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("", 0)
    *tracking, line = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert line.endswith(": the disk is full; free some space, then run the same command again")
    assert len(tracking) <= 1  # the run of register itself, which is not tracked
    assert [standing.version for standing in sync()] == ["1", "1"]
