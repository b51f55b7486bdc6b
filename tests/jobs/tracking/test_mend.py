"""The doctor's part of tracking: a broken store, a moved project, a deleted experiment."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.jobs.tracking.helpers import fetch, open_run, runs_of
from tokenmill.core.errors import UserError
from tokenmill.jobs.tracking.mend import examine_store
from tokenmill.jobs.tracking.store import client


def test_a_broken_store_is_set_aside_and_its_runs_are_kept(filled: Path) -> None:
    with closing(sqlite3.connect(filled)) as store, store:
        store.execute("CREATE TABLE _alembic_tmp_trace_tags (x INTEGER)")
    content = filled.read_bytes()
    (found,) = examine_store()
    assert found.problem == f"{filled}: half made, its making was interrupted" and found.lost
    assert filled.read_bytes() == content

    (found,) = examine_store(fix=True)
    (aside,) = filled.parent.glob("mlflow.db-broken-*")
    assert aside.read_bytes() == content
    assert f"set aside as {aside.name}, and a new one made with the 41 runs" in found.remedy
    assert examine_store() == []
    assert len(runs_of("clean")) == 40
    assert client().get_registered_model("ours").name == "ours"
    assert fetch(open_run("clean")).info.status == "RUNNING"


def test_a_store_of_which_nothing_can_be_read(filled: Path) -> None:
    filled.write_bytes(b"not a database\n" * 1000)
    (found,) = examine_store(fix=True)
    assert "a new one made with the 0 runs" in found.remedy
    assert fetch(open_run()).info.status == "RUNNING"
    assert sorted(path.name[:17] for path in filled.parent.glob("mlflow.db*")) == [
        "mlflow.db", "mlflow.db-broken-"
    ]  # fmt: skip


def test_a_store_that_is_away_is_no_broken_one(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    for fix in (False, True):
        with pytest.raises(UserError, match=r"cannot be reached: .*; start it or set MLFLOW_TRACKING_URI$"):
            examine_store(fix)


def test_a_deleted_experiment_is_named_and_restored(filled: Path, capfd: pytest.CaptureFixture[str]) -> None:
    kept = [run.info.run_id for run in runs_of("clean")]
    client().delete_experiment(client().get_experiment_by_name("tokenmill").experiment_id)
    assert open_run("clean").id is None
    assert capfd.readouterr().err == (
        "warning: tracking failed: MLflow's experiment tokenmill was deleted; "
        "`tokenmill doctor --fix` restores it; it is told later what it misses\n"
    )
    (found,) = examine_store()
    assert found.problem.startswith("MLflow's experiment tokenmill: deleted")
    assert examine_store(fix=True) == [found]
    assert examine_store() == []
    assert fetch(open_run("clean")).info.status == "RUNNING"
    assert set(kept) < {run.info.run_id for run in runs_of("clean")}


def test_strangers_experiments_stay_deleted(project: Path) -> None:
    stranger = client().create_experiment("not ours")
    client().delete_experiment(stranger)
    assert examine_store(fix=True) == []
    assert client().get_experiment(stranger).lifecycle_stage == "deleted"


@pytest.fixture
def moved(filled: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project after ``mv project elsewhere``; its database is that of the old place."""
    old, new = filled.parent, tmp_path_factory.mktemp("moved") / "a b"
    with closing(sqlite3.connect(filled)) as store, store:
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            place = f"{(old / 'mlruns').as_uri()}/tokenmill"
            store.execute(f"UPDATE {table} SET {column} = '{place}' WHERE {column} LIKE '%/tokenmill%'")
    old.rename(new)
    monkeypatch.setenv("DVC_ROOT", str(new))
    monkeypatch.chdir(new)
    return old


def test_a_moved_project_is_told_and_the_store_follows(moved: Path) -> None:
    new = Path(os.environ["DVC_ROOT"])
    (found,) = examine_store()
    assert found.problem == (f"{new / 'mlflow.db'}: names files of {moved}, and the project is now at {new}")
    assert examine_store(fix=True) == [found]
    assert examine_store() == []
    experiment = client().get_experiment_by_name("tokenmill")
    assert experiment.artifact_location == (new / "mlruns/tokenmill").as_uri()
    assert fetch(open_run("clean")).info.artifact_uri.startswith((new / "mlruns").as_uri())
    assert not moved.exists()


def test_a_store_shared_with_a_project_that_is_there_is_left(moved: Path) -> None:
    (moved / "mlruns").mkdir(parents=True)
    assert examine_store(fix=True) == []


def test_a_look_makes_nothing(project: Path) -> None:
    (project / "mlflow.db").unlink()
    assert examine_store(fix=True) == []
    assert not (project / "mlflow.db").exists()
