"""The sqlite file that MLflow's store is where no server is named: looked at before use, and made whole.

MLflow by itself makes its tables in place, in a hundred steps: stopped between two of them, it refuses the
file for good. It also tries for minutes to open a file that is damaged or locked.
"""

import os
import re
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.core.files import remove
from tokenmill.jobs.process import disk_is_full
from tokenmill.jobs.publish import publish
from tokenmill.jobs.tracking.wording import without_secrets

LOCK_WAIT_S = 10.0
"""How long a database may be locked: three stages that write at once hold each other up for a second."""

FULL = "the disk is full; free some space, then run the same command again"


class Broken(UserError):
    """The database cannot be used any more: it is damaged, or its making was never finished."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem}; `tokenmill doctor --fix` sets it aside and makes a new one")
        self.problem = problem
        """The file and what is wrong with it."""


def sqlite_path(uri: str) -> Path | None:
    """The file of an address such as ``sqlite:////home/me/mlflow.db``; None for every other store."""
    found = re.fullmatch(r"sqlite(?:\+\w+)?:///([^?]+)(?:\?.*)?", uri)
    return Path(found[1]) if found and found[1] != ":memory:" else None


def look(path: Path, *, whole: bool = False) -> bool:
    """Whether the file is a database that MLflow made; an absent or empty one is none yet.

    With ``whole`` every page is read: seconds for each 100 MB.

    Raises:
        Broken: it is damaged or half made.
        UserError: another process has locked it for :data:`LOCK_WAIT_S`, or it may not be read.
    """
    try:
        if not path.exists() or path.stat().st_size == 0:
            return False
        with closing(_connect(path)) as database:
            return _is_made(path, database, whole)
    except (sqlite3.Error, OSError) as error:
        raise explained(path, error) from None


def _connect(path: Path) -> sqlite3.Connection:
    # Python's own handling of transactions is off: a look writes nothing.
    return sqlite3.connect(path, timeout=LOCK_WAIT_S, isolation_level=None)


def _is_made(path: Path, database: sqlite3.Connection, whole: bool) -> bool:
    tables = _tables(database)
    if not tables:
        return False
    if whole:
        (said,) = database.execute("PRAGMA integrity_check(1)").fetchone()
        if said != "ok":
            raise Broken(f"{path}: damaged ({' '.join(str(said).split())[:200]})")
    # MLflow's migrations rename tables by way of such copies, and end with an experiment.
    unfinished = [name for name in tables if name.startswith("_alembic_tmp_")]
    versioned = "alembic_version" in tables and database.execute("SELECT * FROM alembic_version").fetchone()
    experiments = "experiments" in tables and database.execute("SELECT 1 FROM experiments").fetchone()
    if unfinished or not versioned or not experiments:
        raise Broken(f"{path}: half made, its making was interrupted")
    if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
        database.execute("BEGIN IMMEDIATE")  # who writes waits for no lock later
        database.execute("ROLLBACK")
    return True


def _tables(database: sqlite3.Connection) -> list[str]:
    rows = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return [str(name) for (name,) in rows]


def explained(path: Path, error: BaseException) -> UserError:
    """What an error of sqlite, MLflow or the system about this database means, and what to do."""
    said = str(error)
    if "malformed" in said or "not a database" in said:
        return Broken(f"{path}: damaged ({_reason(said)})")
    if "is locked" in said:
        holders = _holders(path)
        who = f" (PID {', '.join(holders)})" if holders else ""
        return UserError(f"{path}: locked by another process{who}; wait for it or end it, and try again")
    place = getattr(error, "filename", None) or path
    if disk_is_full(error) or "disk is full" in said or "No space left" in said:
        return UserError(f"{place}: {FULL}")
    if "out-of-date database schema" in said or "Can't locate revision" in said:
        return UserError(
            f"{path}: made by another version of MLflow; keep a copy of it and run "
            f"`mlflow db upgrade sqlite:///{path.absolute()}`"
        )
    if path.is_dir():
        return UserError(f"{path}: a folder, where MLflow's database should be; move it away")
    if isinstance(error, OSError) or "unable to open" in said or "readonly" in said or "I/O error" in said:
        return UserError(
            f"{place}: cannot be read or written ({_reason(said)}); check the disk and permissions"
        )
    return UserError(f"{path}: MLflow says: {_reason(said)}; mend that and run the same command again")


def _reason(said: str) -> str:
    """What sqlite said, without what SQLAlchemy wraps around it."""
    line = next(iter(said.strip().splitlines()), "no reason given")
    return without_secrets(re.sub(r"^\((?:\w+\.)+\w+\)\s*", "", line))[:200]


def _holders(path: Path) -> list[str]:
    """The processes that hold a lock on the file, where the system lists them."""
    try:
        number, locks = path.stat(), Path("/proc/locks").read_text("ascii").splitlines()
    except OSError:
        return []
    file = f"{os.major(number.st_dev):02x}:{os.minor(number.st_dev):02x}:{number.st_ino}"
    pids = {fields[4] for fields in map(str.split, locks) if len(fields) > 5 and fields[5] == file}
    return sorted(pids - {str(os.getpid())}, key=int)


def make(path: Path) -> None:
    """Make the database beside its place and rename it: a kill or a full disk leaves nothing at the place.

    The caller sees to it that one process does this at a time. An old file at the place is replaced.

    Raises:
        UserError: there is no room for it, or the folder may not be written to.
    """
    with making(path) as new:
        publish({new: path})


@contextmanager
def making(path: Path) -> Iterator[Path]:
    """A new database, in a folder beside the place that it is for, with which that folder disappears."""
    import mlflow

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f"{path.name}-new-*"):  # by a process that was killed
            remove(left)
        # A name of its own each time: MLflow keeps an address's connection, though its file be another.
        folder = Path(tempfile.mkdtemp(prefix=f"{path.name}-new-", dir=path.parent))
    except OSError as error:
        raise explained(path, error) from None
    try:
        new = folder / path.name
        mlflow.MlflowClient(f"sqlite:///{new}").search_experiments()
        yield new
    except UserError:
        raise
    except Exception as error:
        raise explained(path, error) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def copy_rows(old: Path, new: Path) -> dict[str, int]:
    """Copy what can still be read in a damaged database to a new one; the number of rows by table.

    A table is read from both ends, so that a damaged page costs the rows on it. Rows that name something
    that was lost are left out.
    """
    copied: dict[str, int] = {}
    with closing(sqlite3.connect(old)) as source, closing(sqlite3.connect(new)) as target:
        source.execute("PRAGMA writable_schema = ON")  # sqlite then reads a file that was cut off
        source.text_factory = lambda text: text.decode("utf-8", "replace")
        for table in _tables(target):
            if table == "alembic_version":
                continue
            for direction in ("ASC", "DESC"):
                _copy_table(source, target, table, direction)
        _drop_orphans(target)
        for table in _tables(target):
            (copied[table],) = target.execute(f'SELECT count(*) FROM "{table}"').fetchone()
        target.commit()
    return copied


def _copy_table(source: sqlite3.Connection, target: sqlite3.Connection, table: str, direction: str) -> None:
    known = [_columns(database, table) for database in (source, target)]
    columns = ", ".join(f'"{name}"' for name in known[1] if name in known[0])
    if not columns:
        return
    places = ", ".join("?" * (columns.count(",") + 1))
    insert = f'INSERT OR IGNORE INTO "{table}" ({columns}) VALUES ({places})'
    rows = _rows(source, f'SELECT {columns} FROM "{table}" ORDER BY rowid {direction}')
    for row in rows:
        try:
            target.execute(insert, row)
        except sqlite3.Error:  # a value that the column does not take
            continue


def _columns(database: sqlite3.Connection, table: str) -> list[str]:
    try:
        return [str(row[1]) for row in database.execute(f'PRAGMA table_info("{table}")')]
    except sqlite3.Error:
        return []


def _rows(database: sqlite3.Connection, query: str) -> Iterator[Any]:
    """The rows up to the first that cannot be read."""
    try:
        yield from database.execute(query)
    except sqlite3.Error:
        return


def _drop_orphans(database: sqlite3.Connection) -> None:
    while orphans := database.execute("PRAGMA foreign_key_check").fetchall():
        for table, rowid, *_ in orphans:
            database.execute(f'DELETE FROM "{table}" WHERE rowid = ?', (rowid,))


def set_aside(path: Path) -> Path:
    """Rename a database, with the journal that belongs to it; returns where it then is."""
    aside = path.with_name(f"{path.name}-broken-{time.strftime('%Y%m%d-%H%M%S')}")
    while aside.exists():
        aside = aside.with_name(f"{aside.name}-2")
    for ending in ("-journal", "-wal", "-shm"):
        beside = path.with_name(path.name + ending)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + ending))
    return path.rename(aside)
