"""What can be wrong with the MLflow store itself, and how it is mended; the doctor's part of this room."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tokenmill.core.errors import UserError
from tokenmill.jobs.publish import project_home, publish
from tokenmill.jobs.tracking.database import (
    Broken,
    copy_rows,
    explained,
    look,
    making,
    set_aside,
    sqlite_path,
)
from tokenmill.jobs.tracking.dead import close_dead_runs, dead_runs
from tokenmill.jobs.tracking.pending import send_pending, unsent_runs
from tokenmill.jobs.tracking.store import (
    client,
    experiment_name,
    prepare,
    store_error,
    store_lock,
    tracking_uri,
)

PLACES = {
    "experiments": ["artifact_location"],
    "runs": ["artifact_uri"],
    "logged_models": ["artifact_location"],
    "model_versions": ["storage_location", "source"],
}
"""Columns of MLflow's tables that name where files are, as absolute addresses."""


@dataclass(frozen=True)
class StoreFinding:
    """One thing that is wrong with the store."""

    problem: str
    """Where and what."""
    remedy: str
    """What ``fix`` does, or did."""
    lost: bool = False
    """Whether models may have to be registered again."""


def examine_store(fix: bool = False) -> list[StoreFinding]:
    """Look at the MLflow store, which is made nowhere; with ``fix``, mend what is found.

    Raises:
        UserError: the store is away, or locked by another process.
    """
    if not there_is_a_store():
        return []
    path = sqlite_path(tracking_uri())
    found = [] if path is None else [*_database(path, fix), *_moved(path, fix)]
    if any(finding.lost for finding in found) and not fix:
        return found  # MLflow cannot open it
    try:
        return [*found, *_deleted_experiment(fix), *_unsent(fix), *_dead_runs(fix)]
    except Exception as error:
        raise store_error(error) from None


def there_is_a_store() -> bool:
    """Whether a server is named or the file exists; opening a store would make one."""
    path = sqlite_path(tracking_uri())
    return path is None or path.exists()


def _database(path: Path, fix: bool) -> list[StoreFinding]:
    try:
        look(path, whole=True)
    except Broken as error:
        remedy = _replace(path) if fix else "set it aside and make a new one with what can be read in it"
        return [StoreFinding(error.problem, remedy, lost=True)]
    return []


def _replace(path: Path) -> str:
    """Put a new database with all rows that can be read in the place of a broken one; says so."""
    with store_lock():
        prepare()
        with making(path) as new:
            rows = copy_rows(path, new)
            aside = set_aside(path)
            publish({new: path})
    return (
        f"set aside as {aside.name}, and a new one made with the {rows['runs']} runs and "
        f"{rows['model_versions']} versions of models that could be read in it; start a server that runs on "
        "it anew"
    )


def moved_from(path: Path) -> Path | None:
    """The project's folder as the database has it, where that is gone: the project was moved."""
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(path)) as database:
            rows = database.execute(
                "SELECT artifact_location FROM experiments WHERE name = ?", (experiment_name(),)
            ).fetchall()
    except sqlite3.Error as error:
        raise explained(path, error) from None
    for (location,) in rows:
        stored = local_path(str(location))
        if stored is None or stored.parent.name != "mlruns":
            continue
        old, new = stored.parent, project_home() / "mlruns"
        if old != new and not old.exists() and (new.exists() or not old.parent.exists()):
            return old.parent
    return None


def refuse_moved() -> None:
    """Stop before MLflow looks for files, or makes them, in a folder that the project has left.

    Raises:
        UserError: the project was moved and the store was not told.
    """
    path = sqlite_path(tracking_uri())
    old = moved_from(path) if path is not None else None
    if old is not None:
        raise UserError(
            f"{path}: names files of {old}, where the project no longer is; `tokenmill doctor --fix` "
            "writes its new place into it"
        )


def local_path(location: str) -> Path | None:
    """The place of a path or a ``file:`` address; None for an address elsewhere."""
    if location.startswith("/"):
        return Path(location)
    return Path(unquote(urlsplit(location).path)) if location.startswith("file:") else None


def _moved(path: Path, fix: bool) -> list[StoreFinding]:
    try:
        old = moved_from(path)
    except Broken:
        return []  # found already
    if old is None:
        return []
    new = project_home()
    if fix:
        _rename_places(path, old, new)
    problem = f"{path}: names files of {old}, and the project is now at {new}"
    return [StoreFinding(problem, "write the new place into it", lost=False)]


def _rename_places(path: Path, old: Path, new: Path) -> None:
    before, after = (f"{(folder / 'mlruns').as_uri()}/" for folder in (old, new))
    with store_lock(), closing(sqlite3.connect(path)) as database, database:
        for table, columns in PLACES.items():
            for column in columns:
                database.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                    f"WHERE substr({column}, 1, ?) = ?",
                    (after, len(before) + 1, len(before), before),
                )


def _deleted_experiment(fix: bool) -> list[StoreFinding]:
    mlflow_client, name = client(), experiment_name()
    found = mlflow_client.get_experiment_by_name(name)
    if found is None or found.lifecycle_stage != "deleted":
        return []
    if fix:
        mlflow_client.restore_experiment(found.experiment_id)
    problem = f"MLflow's experiment {name}: deleted, so that no stage is tracked"
    return [StoreFinding(problem, "restore it, with its runs")]


def _unsent(fix: bool) -> list[StoreFinding]:
    count = len(unsent_runs())
    if fix and count:
        send_pending(client())
    problem = f"MLflow has missed {count} run(s), while its store was away"
    return [StoreFinding(problem, "send them")] if count else []


def _dead_runs(fix: bool) -> list[StoreFinding]:
    return [
        StoreFinding(f"MLflow run {run}: says RUNNING, but its process is gone", "mark it KILLED")
        for run in (close_dead_runs() if fix else dead_runs())
    ]
