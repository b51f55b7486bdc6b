"""Runs one command and leaves nothing of it behind, whichever way the end comes. A script; see runner.py.

``python guard.py GRACE_SECONDS PARENT_PID COMMAND...`` stands between the flow and dvc as a small process of
its own, because only a living process can clean up after a flow that got ``kill -9``. It ends with the
command's exit status, or with 143 when it was asked to stop.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

import psutil

STOPPED = 128 + signal.SIGTERM
LOOK_AT_PARENT_EVERY_S = 1.0
PR_SET_PDEATHSIG = 1  # linux/prctl.h
PR_SET_CHILD_SUBREAPER = 36


class _Stop(BaseException):
    """The flow asked for the end, or is gone."""


class _Guard:
    def __init__(self, grace_s: float, parent: int) -> None:
        self.grace_s = grace_s
        self.parent = parent
        self.command: subprocess.Popen[bytes] | None = None
        self.asked_to_stop = False

    def on_signal(self, signum: int, frame: object) -> None:
        # Raising inside of Popen() would lose the process that it has just started.
        self.asked_to_stop = True
        if self.command is not None:
            raise _Stop

    def run(self, line: Sequence[str]) -> int:
        """Run the command to its end, or to ours; returns its exit status or 143."""
        signal.signal(signal.SIGTERM, self.on_signal)
        adopt_abandoned_processes()
        status = STOPPED
        try:
            if self.parent_is_alive() and not self.asked_to_stop:
                self.command = subprocess.Popen(line, preexec_fn=die_with_guard)
                status = self.wait(self.command)
        except _Stop:
            pass
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if self.command is not None:
            self.end(self.command.pid)
        return status if status >= 0 else 128 - status

    def wait(self, command: "subprocess.Popen[bytes]") -> int:
        """Wait for the command, with an eye on the flow and on requests to stop.

        Looking at the parent's pid instead of PR_SET_PDEATHSIG works on every Unix, and does not mistake the
        end of the *thread* that started us for the end of the flow.
        """
        while not self.asked_to_stop and self.parent_is_alive():
            with contextlib.suppress(subprocess.TimeoutExpired):
                return command.wait(LOOK_AT_PARENT_EVERY_S)
        raise _Stop

    def parent_is_alive(self) -> bool:
        return os.getppid() == self.parent

    def end(self, command_pid: int) -> None:
        """SIGTERM, at most the grace period for a checkpoint, then SIGKILL to whatever is left.

        dvc itself is left alone while its stage lives: it then sees the stage fail and frees its locks, and a
        stage that dies with its parent is not cut off from its grace.
        """
        me = psutil.Process()
        below = me.children(recursive=True)
        for process in [p for p in below if p.pid != command_pid] or below:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        psutil.wait_procs(below, timeout=self.grace_s)
        while left := me.children(recursive=True):
            for process in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(left, timeout=1)


def die_with_guard() -> None:
    """In the process that becomes the command: ``kill -9`` of the guard ends dvc, and so the stage."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_abandoned_processes() -> None:
    """Become the parent of every process below that loses its own, so that :meth:`_Guard.end` finds it."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1)


if __name__ == "__main__":
    grace, flow, *command_line = sys.argv[1:]
    sys.exit(_Guard(float(grace), int(flow)).run(command_line))
