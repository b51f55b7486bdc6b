"""One stage as a child process: ``dvc repro --single-item``, its lines as they come, and a certain end.

No Prefect in here: the flow says where lines go, and reads the outcome.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

GRACE_S = 30.0
"""Seconds between SIGTERM and SIGKILL: enough for a trainer to write a checkpoint."""
_GUARD = Path(__file__).with_name("guard.py")


class Outcome(StrEnum):
    """How a stage came to be up to date."""

    CACHED = "Cached"
    """Nothing had changed."""
    RESTORED = "Restored"
    """Outs came back from DVC's run cache; the command did not run."""
    COMPLETED = "Completed"
    """The command ran."""


class StageBusy(Exception):
    """Another process works on the same files (dvc's file locks); trying again later is enough."""


class StageFailed(Exception):
    """The stage's command, or dvc around it, ended with an error."""


class Runner:
    """Runs stages of the repository at ``root``, several at once if called from several threads.

    ``tags`` go to the MLflow runs of the stages, beside ``dvc.stage``.
    """

    def __init__(self, root: Path, tags: Mapping[str, str], grace_s: float = GRACE_S) -> None:
        self._root = root
        self._tags = dict(tags)
        self._grace_s = grace_s
        self._children: set[_Child] = set()
        self._closed = False
        self._lock = threading.Lock()

    def run_stage(self, name: str, on_line: Callable[[str], None], timeout_s: float | None = None) -> Outcome:
        """Bring the stage ``name`` up to date, given that the stages before it are.

        ``on_line`` gets each line of dvc and of the stage, without its end.

        Raises:
            StageBusy: another dvc process is at the same stage or at files that it needs.
            StageFailed: it ended with an error, or was stopped by :meth:`kill_all`.
            TimeoutError: it took longer than ``timeout_s`` seconds and was stopped.
        """
        seen: set[str] = set()
        error = re.escape(f"ERROR: failed to reproduce '{name}': ")
        busy = re.compile(error + "('.*' is busy, it is being blocked by:$|Unable to acquire lock)")

        def read(line: str) -> None:
            on_line(line)
            if line == f"Stage '{name}' didn't change, skipping":
                seen.add("unchanged")
            elif line.startswith(f"Stage '{name}' is cached - skipping run"):
                seen.add("restored")
            elif busy.match(line):
                seen.add("busy")

        # The global flag stands before the subcommand. Without it, dvc throws a finished stage's result away
        # when another dvc process (a push, an editor's extension) holds the lock for 3 s at that moment.
        command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "--single-item", name]
        status = self.run_command(command, on_line=read, stage=name, timeout_s=timeout_s)
        if status == 0:
            if "restored" in seen:
                return Outcome.RESTORED
            return Outcome.CACHED if "unchanged" in seen else Outcome.COMPLETED
        if self._closed:
            raise StageFailed(f"{name}: stopped")
        if "busy" in seen:
            raise StageBusy(f"{name}: another process works on its files")
        raise StageFailed(f"{name}: failed with exit status {status}; its last lines say why")

    def run_command(
        self,
        command: Sequence[str],
        on_line: Callable[[str], None],
        stage: str,
        timeout_s: float | None = None,
    ) -> int:
        """Run a command under a guard (guard.py) and return its exit status.

        Raises:
            StageFailed: :meth:`kill_all` was called before.
            TimeoutError: it took longer than ``timeout_s`` seconds; every process of it has ended.
        """
        environment = _environment({**self._tags, "dvc.stage": stage})
        with self._lock:
            if self._closed:
                raise StageFailed(f"{stage}: stopped before it began")
            child = _Child(command, self._root, environment, self._grace_s)
            self._children.add(child)
        try:
            return child.follow(on_line, timeout_s)
        finally:
            child.stop()
            with self._lock:
                self._children.discard(child)

    def kill_all(self) -> None:
        """Stop what runs (SIGTERM, grace, SIGKILL) and start nothing more; returns when nothing is left."""
        with self._lock:
            self._closed = True
            children = list(self._children)
        for child in children:
            child.ask_to_stop()
        for child in children:
            child.stop()


class _Child:
    """A guard and all that runs below it."""

    def __init__(self, command: Sequence[str], root: Path, env: Mapping[str, str], grace_s: float) -> None:
        self._grace_s = grace_s
        self._timed_out = False
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(_GUARD), str(grace_s), str(os.getpid()), *command],
            cwd=root,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )

    def follow(self, on_line: Callable[[str], None], timeout_s: float | None) -> int:
        """Hand on every line until the end; returns the exit status."""
        # A timer of our own: Prefect cannot interrupt a task's thread that waits for a line.
        timer = threading.Timer(timeout_s, self._time_out) if timeout_s is not None else None
        if timer:
            timer.start()
        try:
            assert self._process.stdout is not None
            for line in self._process.stdout:
                on_line(line.rstrip("\n"))
            status = self._process.wait()
        finally:
            if timer:
                timer.cancel()
        if self._timed_out:
            raise TimeoutError(f"stopped after {timeout_s:g} s, the limit in dvc.yaml (meta.timeout_s)")
        return status

    def _time_out(self) -> None:
        self._timed_out = True
        self.ask_to_stop()

    def ask_to_stop(self) -> None:
        """SIGTERM to the guard, which does the rest; nothing if it has ended."""
        self._process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """Make sure that the guard and all below it have ended."""
        if self._process.poll() is not None:
            return
        self.ask_to_stop()
        try:
            self._process.wait(self._grace_s + 10)
        except subprocess.TimeoutExpired:  # the guard itself hangs
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _environment(tags: Mapping[str, str]) -> dict[str, str]:
    """What the child gets: ours, lines unbuffered, our interpreter first on the PATH, tags for MLflow."""
    return {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        # The stages' commands say `python`; a worker may have been started without its environment activated.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "MLFLOW_RUN_CONTEXT": json.dumps(dict(tags), sort_keys=True),
    }
