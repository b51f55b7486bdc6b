"""MLflow's sqlite file: made whole or not at all, and told what is wrong with it at once."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.jobs.tracking.helpers import fetch, open_run
from tokenmill.core.errors import UserError
from tokenmill.jobs.tracking import database
from tokenmill.jobs.tracking.database import Broken, copy_rows, look, set_aside, sqlite_path
from tokenmill.jobs.tracking.store import client, main

TRACK = (
    "from tokenmill.jobs.tracking.run import start_run\n"
    "start_run('clean', key='k' * 16, settings={}, inputs={}).finish('FINISHED')"
)


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as store, store:
        for statement in statements:
            store.execute(statement)


def overwrite(path: Path, start: int, size: int) -> None:
    """Random-looking bytes, the same in every run."""
    content = bytearray(path.read_bytes())
    content[start : start + size] = bytes(
        (n * 73 + 41) % 251 for n in range(len(content[start : start + size]))
    )
    path.write_bytes(content)


def half_made(path: Path) -> None:
    """As MLflow left it on a full disk: 'table _alembic_tmp_trace_tags already exists'."""
    change(path, "CREATE TABLE _alembic_tmp_trace_tags (x INTEGER)", "DELETE FROM experiments")


BROKEN: dict[str, Callable[[Path], None]] = {
    "half made": half_made,
    "without its version": lambda path: change(path, "DELETE FROM alembic_version"),
    "stopped before its first experiment": lambda path: change(path, "DELETE FROM experiments"),
    "cut off": lambda path: os.truncate(path, path.stat().st_size // 2),
    "cut off in its first page": lambda path: os.truncate(path, 700),
    "another file": lambda path: path.write_bytes(b"not a database\n" * 1000) and None,
    "zeros at the start": lambda path: path.write_bytes(bytes(8192) + path.read_bytes()[8192:]) and None,
    "its list of tables overwritten": lambda path: overwrite(path, 100, 4000),
}


def test_killed_while_it_is_made(project: Path) -> None:
    (project / "mlflow.db").unlink()
    process = subprocess.Popen([sys.executable, "-c", TRACK])
    deadline = time.monotonic() + 120
    while not [new for new in project.glob("mlflow.db-new-*/mlflow.db") if new.stat().st_size > 100_000]:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert [path.name for path in project.glob("mlflow.db") if path.is_file()] == []

    run = open_run()
    assert fetch(run).info.status == "RUNNING"
    assert [path.name for path in project.glob("mlflow.db*")] == ["mlflow.db"]


def test_no_room_to_make_it(project: Path) -> None:
    (project / "mlflow.db").unlink()
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-rm", "true"], capture_output=True).returncode:
        pytest.skip("needs a file system of its own: Linux with user namespaces")
    (project / "small").mkdir()
    (project / "track.py").write_text(TRACK)
    shell = 'mount -t tmpfs -o size=300k tmpfs small && "$0" track.py; ls -A small'
    done = subprocess.run(
        [unshare, "-rm", "sh", "-c", shell, sys.executable],
        env={**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{project / 'small/mlflow.db'}"},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    (line,) = done.stderr.splitlines()
    assert line.startswith("warning: tracking failed: ") and "the disk is full; free some space" in line
    assert done.stdout == ""  # nothing was left there


@pytest.mark.parametrize("way", BROKEN)
def test_a_broken_one_costs_one_line(
    filled: Path, way: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nap = time.sleep  # subprocess looks every few milliseconds whether git has ended
    monkeypatch.setattr(time, "sleep", lambda s: nap(s) if s < 0.1 else pytest.fail("waits in vain"))
    BROKEN[way](filled)
    content = filled.read_bytes()
    with pytest.raises(Broken, match="`tokenmill doctor --fix` sets it aside and makes a new one"):
        look(filled)
    run = open_run()
    run.log_metrics({"loss": 1.0})
    run.finish("FINISHED")
    assert run.id is None
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"warning: tracking failed: {filled}: ") and "doctor --fix" in line
    assert filled.read_bytes() == content


def test_a_server_is_started_on_a_whole_one_only(filled: Path) -> None:
    """As `make mlflow` does."""
    main()
    half_made(filled)
    with pytest.raises(SystemExit) as end:
        main()
    assert str(end.value).startswith(
        f"error: {filled}: half made, its making was interrupted; `tokenmill doctor"
    )


def test_a_page_in_the_middle_is_found_by_a_look_at_the_whole(filled: Path) -> None:
    with closing(sqlite3.connect(filled)) as store:
        (page,) = store.execute("SELECT rootpage FROM sqlite_master WHERE name = 'latest_metrics'").fetchone()
        (size,) = store.execute("PRAGMA page_size").fetchone()
    overwrite(filled, (page - 1) * size, size)
    assert look(filled)
    with pytest.raises(Broken, match="damaged"):
        look(filled, whole=True)


@pytest.mark.parametrize("lock", ["EXCLUSIVE", "IMMEDIATE"])
def test_locked_by_another_process(
    filled: Path, lock: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(database, "LOCK_WAIT_S", 0.3)
    script = (
        "import sqlite3, sys, time\n"
        "store = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        f"store.execute('BEGIN {lock}')\nprint('locked', flush=True)\ntime.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(filled)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline() == "locked\n"
        assert open_run().id is None
    finally:
        process.kill()
        process.communicate()
    who = f" (PID {process.pid})" if Path("/proc/locks").exists() else ""
    assert capfd.readouterr().err == (
        f"warning: tracking failed: {filled}: locked by another process{who}; wait for it or end it, "
        "and try again; it is told later what it misses\n"
    )
    assert open_run().id is not None


def test_of_another_version_of_mlflow(filled: Path, capfd: pytest.CaptureFixture[str]) -> None:
    change(filled, "UPDATE alembic_version SET version_num = '0123456789ab'")
    assert open_run().id is None
    (line,) = capfd.readouterr().err.splitlines()
    assert (
        f"{filled}: made by another version of MLflow; keep a copy of it and run `mlflow db upgrade" in line
    )


def test_a_folder_in_its_place(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (project / "mlflow.db").unlink()
    (project / "mlflow.db").mkdir()
    assert open_run().id is None
    (line,) = capfd.readouterr().err.splitlines()
    assert "mlflow.db: a folder, where MLflow's database should be; move it away" in line


@pytest.mark.parametrize("content", [b"", None], ids=["empty", "absent"])
def test_where_there_is_none_yet(project: Path, content: bytes | None) -> None:
    (project / "mlflow.db").unlink()
    if content is not None:
        (project / "mlflow.db").write_bytes(content)
    assert not look(project / "mlflow.db")
    assert (project / "mlflow.db").exists() == (content is not None)
    client().search_experiments()
    assert look(project / "mlflow.db", whole=True)


@pytest.mark.parametrize("cut_off", [False, True], ids=["whole", "cut off"])
def test_what_is_read_out_of_a_damaged_one(
    filled: Path, migrated_store: Path, tmp_path: Path, cut_off: bool
) -> None:
    with closing(sqlite3.connect(filled)) as store:
        (page,) = store.execute("SELECT rootpage FROM sqlite_master WHERE name = 'params'").fetchone()
        (size,) = store.execute("PRAGMA page_size").fetchone()
    overwrite(filled, (page - 1) * size, size)
    if cut_off:
        os.truncate(filled, filled.stat().st_size - size)
    new = tmp_path / "new.db"
    shutil.copyfile(migrated_store, new)
    rows = copy_rows(filled, new)
    assert rows["registered_models"] == 1
    assert rows["runs"] == rows["latest_metrics"] + 1  # all have one but the run above them
    assert rows["runs"] == 41 or (cut_off and rows["runs"] > 10)  # the newest runs lie at the end
    assert look(new, whole=True)
    with closing(sqlite3.connect(new)) as store:
        assert store.execute("PRAGMA foreign_key_check").fetchall() == []


def test_nothing_is_read_out_of_another_file(project: Path, migrated_store: Path) -> None:
    (project / "other").write_bytes(b"not a database\n" * 1000)
    new = project / "new.db"
    shutil.copyfile(migrated_store, new)
    assert copy_rows(project / "other", new)["runs"] == 0
    assert look(new, whole=True)


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("sqlite:////home/a/mlflow.db", Path("/home/a/mlflow.db")),
        ("sqlite:///own.db?timeout=5", Path("own.db")),
        ("sqlite+pysqlite:////a/b c.db", Path("/a/b c.db")),
        ("sqlite:///:memory:", None),
        ("sqlite://", None),
        ("postgresql://host/db", None),
        ("http://127.0.0.1:5000", None),
    ],
)
def test_which_addresses_are_files(uri: str, path: Path | None) -> None:
    assert sqlite_path(uri) == path


def test_a_locked_one_is_no_broken_one(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOCK_WAIT_S", 0.1)
    with closing(sqlite3.connect(filled, isolation_level=None)) as store:
        store.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UserError, match="locked by another process") as error:
            look(filled, whole=True)
        assert not isinstance(error.value, Broken)


def test_every_one_that_is_set_aside_is_kept_with_its_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "strftime", lambda form: "20300101-000000")
    for content in ("first", "second"):
        (tmp_path / "mlflow.db").write_text(content)
        (tmp_path / "mlflow.db-journal").write_text(f"{content} journal")
        aside = set_aside(tmp_path / "mlflow.db")
        assert aside.read_text() == content
        assert aside.with_name(f"{aside.name}-journal").read_text() == f"{content} journal"
    assert len(list(tmp_path.iterdir())) == 4
