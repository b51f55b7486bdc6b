"""Finds what a killed dvc process or a stopped stage left behind, and mends it.

``python -m flows.doctor`` mends what keeps dvc from working at all; `make repro` and the flow begin with it.
DVC writes its files in place, and removes a stage's outs before the stage runs. Not looked for:
``.dvc/tmp/lock``, which the kernel frees with the process that held it; a dvc.lock that lost whole stages,
which DVC takes back from its run cache by itself.
"""

import fcntl
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from flows.dag import Graph, RepoBusy, lock_file_problem
from tokenmill.core.errors import UserError
from tokenmill.core.files import write_bytes

LOCK_WAIT_S = 3.0
"""As long as dvc itself waits for the repository's lock."""


@dataclass(frozen=True)
class Finding:
    """One damaged or missing file."""

    path: str
    """Relative to the repository."""
    problem: str
    remedy: str
    """What ``fix`` does, or did."""
    fixed: bool
    kept: str | None = None
    """Where the file as it was is kept, relative to the repository."""

    def __str__(self) -> str:
        kept = f" (the old file is kept at {self.kept})" if self.kept else ""
        return f"{self.path}: {self.problem}; {'done' if self.fixed else 'to do'}: {self.remedy}{kept}"


def examine(root: Path, fix: bool = False) -> list[Finding]:
    """Look at dvc.lock, at DVC's file locks and for missing outs below ``root``; with ``fix``, mend them.

    Raises:
        UserError: ``root`` is no DVC repository, or a dvc process is at work in it just now.
    """
    damaged = _examine_files(root, fix)
    readable = all(finding.fixed for finding in damaged) and (root / "dvc.yaml").exists()
    return [*damaged, *(_examine_outs(root, fix) if readable else ())]


def mend_files(root: Path) -> list[Finding]:
    """Mend the files with which every dvc command would fail; where they are well, no lock is asked for.

    Raises:
        UserError: ``root`` is no DVC repository, or a dvc process is at work in it just now.
    """
    rwlock = root / ".dvc/tmp/rwlock"
    well = lock_file_problem(root / "dvc.lock") is None and _examine_rwlock(root, rwlock, fix=False) is None
    return [] if well else _examine_files(root, fix=True)


def _examine_files(root: Path, fix: bool) -> list[Finding]:
    scratch = root / ".dvc" / "tmp"
    if not (root / ".dvc").is_dir():
        raise UserError(f"{root}: not a DVC repository (no .dvc folder); run this in the repository")
    scratch.mkdir(exist_ok=True)
    # The two locks under which dvc writes the two files: a file that is being written looks damaged.
    with _locked(scratch / "lock"), _locked(scratch / "rwlock.lock"):
        found = [_examine_lock_file(root, fix), _examine_rwlock(root, scratch / "rwlock", fix)]
    return [finding for finding in found if finding is not None]


def _examine_lock_file(root: Path, fix: bool) -> Finding | None:
    path = root / "dvc.lock"
    problem = lock_file_problem(path)
    if problem is None:
        return None
    committed = subprocess.run(["git", "show", "HEAD:./dvc.lock"], cwd=root, capture_output=True, check=False)
    from_git = committed.returncode == 0 and committed.stdout.strip() != b""
    source = "put git's last committed version in its place" if from_git else "remove it"
    remedy = f"{source}; `dvc repro` then takes the newer results from its run cache"
    if not fix:
        return Finding("dvc.lock", problem, remedy, fixed=False)
    kept = _keep(root, path)
    if from_git:
        write_bytes(path, committed.stdout)
    else:
        path.unlink()
    return Finding("dvc.lock", problem, remedy, fixed=True, kept=kept)


def _examine_rwlock(root: Path, path: Path, fix: bool) -> Finding | None:
    name = path.relative_to(root).as_posix()
    if not path.exists():
        return None
    holders = _read_rwlock(path)
    if holders is None:
        problem = "unreadable, so that every dvc repro fails"
        remedy = "remove it: it only lists running processes"
        rest: dict[str, Any] = {}
    else:
        written = path.stat().st_mtime
        rest, gone = _without_the_dead(holders, written)
        if not gone:
            return None
        pids = ", ".join(str(pid) for pid in sorted(gone))
        problem = f"holds locks of processes that are gone (PID {pids})"
        remedy = "take their locks out"
    if not fix:
        return Finding(name, problem, remedy, fixed=False)
    kept = _keep(root, path)
    if rest:
        write_bytes(path, json.dumps(rest).encode())
    else:
        path.unlink()
    return Finding(name, problem, remedy, fixed=True, kept=kept)


def _examine_outs(root: Path, fix: bool) -> list[Finding]:
    graph = Graph(root)
    try:
        paths = graph.restore_outs() if fix else graph.missing_outs()
    except RepoBusy as busy:
        raise UserError(f"{busy}; try again when it has ended") from None
    problem = "missing; its stage was stopped or failed, or it was removed"
    remedy = "bring it back from DVC's cache, as dvc.lock has it"
    return [Finding(path, problem, remedy, fixed=fix) for path in paths]


def _read_rwlock(path: Path) -> dict[str, Any] | None:
    """``{"write": {path: {pid, cmd}}, "read": {path: [{pid, cmd}]}}``, or None if it is not that."""
    try:
        content = json.loads(path.read_bytes())
        writers, readers = content.get("write", {}), content.get("read", {})
        entries = [*writers.values(), *(entry for several in readers.values() for entry in several)]
        fine = all(isinstance(entry["pid"], int) and isinstance(entry["cmd"], str) for entry in entries)
    except (ValueError, AttributeError, TypeError, KeyError):
        return None
    return content if fine and set(content) <= {"read", "write"} else None


def _without_the_dead(holders: dict[str, Any], written: float) -> tuple[dict[str, Any], set[int]]:
    """The locks of living processes, and the pids of the others."""
    gone: set[int] = set()

    def alive(entry: dict[str, Any]) -> bool:
        try:
            # A process younger than the file has only inherited the number.
            if psutil.Process(entry["pid"]).create_time() <= written + 1:
                return True
        except psutil.NoSuchProcess:
            pass
        gone.add(entry["pid"])
        return False

    write = {path: entry for path, entry in holders.get("write", {}).items() if alive(entry)}
    read = {path: [e for e in several if alive(e)] for path, several in holders.get("read", {}).items()}
    read = {path: several for path, several in read.items() if several}
    return {kind: locks for kind, locks in (("write", write), ("read", read)) if locks}, gone


def _keep(root: Path, path: Path) -> str:
    """Copy the file as it is to ``.dvc/tmp/doctor/``; returns where."""
    folder = root / ".dvc" / "tmp" / "doctor"
    folder.mkdir(exist_ok=True)
    copy = folder / f"{path.name}.{time.strftime('%Y%m%d-%H%M%S')}"
    number = 1
    while copy.exists():
        number += 1
        copy = copy.with_name(f"{copy.name}-{number}")
    shutil.copy2(path, copy)
    return copy.relative_to(root).as_posix()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold one of DVC's locks (flock, as zc.lockfile takes it)."""
    with path.open("a+") as file:
        deadline = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    wanted = "try again when it has ended"
                    raise UserError(f"{path}: a dvc process is at work; {wanted}") from None
                time.sleep(0.1)
        yield


def main() -> int:
    """Mend the files without which dvc does not work, and say so; returns the exit status."""
    try:
        for finding in mend_files(Path.cwd()):
            print(finding)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
