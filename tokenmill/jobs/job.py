"""How every stage runs: checked inputs, a resumable work folder, one MLflow run, outs published whole."""

import ctypes
import errno
import fcntl
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pydantic import BaseModel

from tokenmill.core.errors import Stopped, UserError
from tokenmill.core.files import digest_tree, digest_value, remove, write_json
from tokenmill.jobs.publish import project_home, publish
from tokenmill.jobs.tracking.run import Run, flatten, start_run

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The disk is full, a quota is used up, a file is larger than it may be."""

DIGESTS = "TOKENMILL_DIGESTS"
"""Environment variable by which the first process tells those that it starts what the inputs are."""

LEADER_FIRST_SECONDS = 15
"""What stops one of several processes mostly stops all: the first one then says so and ends, and the others
die with it. Only when it lives on for that long is another's word needed."""


@dataclass
class Job:
    """What a stage's body works with."""

    stage: str
    key: str
    """Digest of settings, inputs and code: equal keys may continue each other's work."""
    work: Path
    """Folder that survives a kill; deleted when the outs are published."""
    out: dict[str, Path]
    """Where to write each out; moved to its final place at the end."""
    digests: dict[str, str]
    """SHA-256 of each input."""
    run: Run

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Write the metrics out (JSON, in git) and log every number of it to MLflow."""
        write_json(self.out["metrics"], metrics)
        numbers = {k.replace(".", "/"): v for k, v in flatten(metrics).items() if isinstance(v, int | float)}
        self.run.log_metrics(numbers)


@contextmanager
def job(
    stage: str, *, settings: Callable[[], Any], inputs: Mapping[str, Path], outs: Mapping[str, Path]
) -> Iterator[Job]:
    """Run a stage's body between checking its inputs and publishing its outs.

    ``settings`` are exactly the params that the stage depends on in dvc.yaml. A body that raises leaves the
    outs as they were and the work folder for the next try.

    Raises:
        UserError: an input is missing, or another process works on the same stage and settings.
    """
    started = time.monotonic()
    for name, path in inputs.items():
        if not path.exists():
            raise UserError(f"{path}: missing ({stage} reads it as {name}); make it with `dvc repro {stage}`")
    digests = _digests(inputs)
    chosen = plain(settings())
    key = digest_value({"settings": chosen, "inputs": digests, "code": code_digest()})[:16]
    folder = project_home() / ".work" / stage
    work = folder / key
    if not leads():
        # The first process holds the lock, the MLflow run and the outs; what others write is thrown away.
        with tempfile.TemporaryDirectory() as thrown_away, _stopping():
            yield Job(stage, key, work, _places(Path(thrown_away), outs), digests, Run(None, None))
        return
    folder.mkdir(parents=True, exist_ok=True)
    with _only_one(work, stage), _stopping():
        scratch = work / "out"
        remove(scratch)
        named = _places(scratch, outs)
        before = _seconds_before(work)
        run = _open_run(stage, key, work, chosen, {n: (str(inputs[n]), digests[n]) for n in inputs})
        this = Job(stage, key, work, named, digests, run)
        try:
            yield this
            missing = [str(outs[name]) for name, path in named.items() if not path.exists()]
            if missing:
                raise RuntimeError(f"{stage} did not write {', '.join(missing)}")
        except (Stopped, KeyboardInterrupt):
            run.finish("KILLED")
            raise
        except BaseException:
            run.finish("FAILED")
            raise
        # The result is complete: a request to stop comes too late, and could tear the outs apart.
        for signum in STOP_SIGNALS:
            signal.signal(signum, signal.SIG_IGN)
        publish({named[name]: path for name, path in outs.items()})
        run.finish("FINISHED")
        seconds = round(before + time.monotonic() - started, 1)
        write_json(folder / "last.json", {"key": key, "run_id": run.id, "seconds": seconds})
        shutil.rmtree(work)


def plain(settings: Any) -> Any:
    """Settings (pydantic models, maps of them) as JSON values."""
    if isinstance(settings, BaseModel):
        return settings.model_dump()
    if isinstance(settings, Mapping):
        return {name: plain(value) for name, value in settings.items()}
    return settings


def _digests(inputs: Mapping[str, Path]) -> dict[str, str]:
    """SHA-256 of each input; a process that the first one started takes its word, which saves reading."""
    told = os.environ.get(DIGESTS)
    if told is not None and not leads():
        return dict(json.loads(told))
    digests = {name: digest_tree(path) for name, path in inputs.items()}
    os.environ[DIGESTS] = json.dumps(digests)
    return digests


def _seconds_before(work: Path) -> float:
    """Seconds that interrupted processes of this key were at work, up to the last file that each wrote."""
    note, before = work / "time.json", 0.0
    if note.exists():
        last = json.loads(note.read_text("utf-8"))
        newest = max(file.stat().st_mtime for file in work.rglob("*") if file.is_file())
        before = last["before"] + max(0.0, newest - last["began"])
    write_json(note, {"began": time.time(), "before": before})
    return before


def _places(scratch: Path, outs: Mapping[str, Path]) -> dict[str, Path]:
    """Where the body writes each out, each in a folder of its own."""
    places = {name: scratch / name / path.name for name, path in outs.items()}
    for path in places.values():
        path.parent.mkdir(parents=True)
    return places


def _open_run(
    stage: str, key: str, work: Path, settings: Mapping[str, Any], inputs: Mapping[str, tuple[str, str]]
) -> Run:
    """A new MLflow run, or the one that an interrupted process of the same key had opened."""
    note = work / "run.json"
    resume = None
    if note.exists():
        resume = json.loads(note.read_text("utf-8"))["run_id"]
    run = start_run(stage, key=key, settings=settings, inputs=inputs, resume=resume)
    if run.id is not None:
        write_json(note, {"run_id": run.id})
    return run


def code_digest() -> str:
    """Digest of the code of this floor and the one below: a work folder of older code is not continued."""
    root = Path(__file__).resolve().parents[1]
    files = sorted([*root.glob("lm/**/*.py"), *root.glob("stages/**/*.py")])
    return digest_value({file.relative_to(root).as_posix(): digest_tree(file) for file in files})


def leads() -> bool:
    """Whether this process is the first of those that train together, or the only one.

    torchrun numbers them in RANK, SLURM in SLURM_PROCID, Lightning in NODE_RANK and LOCAL_RANK.
    """
    numbers = ("RANK", "SLURM_PROCID", "NODE_RANK", "LOCAL_RANK")
    return all(os.environ.get(name, "0") == "0" for name in numbers)


@contextmanager
def _only_one(work: Path, stage: str) -> Iterator[None]:
    """Hold the work folder's lock; the kernel frees it however the process ends."""
    path = work.with_name(f"{work.name}.lock")
    while True:
        with path.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                message = f"{stage} is already running with these settings; wait for it or stop it"
                raise UserError(message) from None
            if not _names(path, lock):  # its last holder removed it after we opened it: take the new one
                continue
            try:
                yield
            finally:
                path.unlink()  # while it is held, so that nobody else's file is removed
            return


def _names(path: Path, file: IO[str]) -> bool:
    """Whether a path leads to an open file, not to a newer file of the same name or to nothing."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


@contextmanager
def _stopping() -> Iterator[None]:
    """SIGTERM raises :class:`Stopped` in the body, so that cleaning up runs as for Ctrl-C."""

    def stop(signum: int, frame: object) -> None:
        # The flow and DVC may both pass a stop on: the second must not interrupt cleaning up after the first.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Stopped(f"signal {signum}")

    previous = {signum: signal.getsignal(signum) for signum in STOP_SIGNALS}
    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)


def die_with_parent() -> None:
    """Ask Linux to end this process when its parent dies: ``kill -9`` of dvc leaves no trainer behind."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    pr_set_pdeathsig = 1  # linux/prctl.h
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the request took effect
        os.kill(os.getpid(), signal.SIGKILL)


def disk_is_full(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, means that no more can be written.

    polars and NumPy pass on the words of the operating system without its error number.
    """
    while error is not None:
        said = re.search(r"\(os error (\d+)\)", str(error))
        number = int(said[1]) if said else getattr(error, "errno", None)
        if number in NO_SPACE or (isinstance(error, OSError) and " requested and " in str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def run_main(main: Callable[[], None]) -> None:
    """Run a stage's ``main`` as a command: one line for a person's mistake, exit status by outcome.

    Under dvc (which sets ``DVC_ROOT``) the process dies with it.
    """
    if os.environ.get("DVC_ROOT") or not leads():
        die_with_parent()
    try:
        try:
            main()
        except BaseException:
            if not leads():
                time.sleep(LEADER_FIRST_SECONDS)
            raise
    except UserError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        raise SystemExit(1) from None
    except Exception as error:
        if not disk_is_full(error):
            raise
        message = "error: the disk is full; free some space, then run the same command again"
        print(f"{message} (outputs of earlier runs are as they were)", file=sys.stderr, flush=True)
        raise SystemExit(1) from None
    except (Stopped, KeyboardInterrupt) as stop:
        print("stopped; run the same command again to continue", file=sys.stderr, flush=True)
        raise SystemExit(130 if isinstance(stop, KeyboardInterrupt) else 143) from None
