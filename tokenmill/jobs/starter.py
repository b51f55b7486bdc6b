"""With whom a stage's process dies: with dvc, or with the process of the stage that started it.

Asked before anything else is imported (``stages/__init__.py``), because ``kill -9`` of dvc may come while
Python starts. The parent may then have gone already, and its number alone does not tell: whoever adopts the
orphan is a parent as well. So the process is looked for by the number that its owner has written down.
"""

import ctypes
import json
import os
import select
import signal
import sys
import threading
import time
from pathlib import Path

STARTER = "TOKENMILL_STARTER"
"""Environment variable with the process id of a stage, for the processes that it starts."""
READ_SECONDS = 1.0
"""DVC writes its file of locks in place, in much less than a millisecond: it is read again for that long."""


def die_with_starter() -> None:
    """Have Linux end this process with the one that it works for; end it now if that one has gone.

    That is the process named in :data:`STARTER`, or else the dvc that runs this command as a stage. A process
    that works for neither goes on as it is. Elsewhere than on Linux nothing is done.
    """
    told = os.environ.get(STARTER)
    if sys.platform != "linux" or (told is None and "DVC_STAGE" not in os.environ):
        return
    die_with_parent()
    starters = _dvc_processes() if told is None else {int(told)}
    if starters is None:
        return
    living = [pid for pid in _ancestors() if pid in starters]
    if not living:
        _end("the process that started this one has ended; run the command again")
    if living[0] != os.getppid():  # a shell stands between, which survives dvc
        _watch(living[0])


def die_with_parent() -> None:
    """Ask Linux to send SIGKILL to this process when its parent dies."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1  # linux/prctl.h
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _end(why: str) -> None:
    try:
        print(f"error: {why}", file=sys.stderr, flush=True)
    finally:
        os._exit(1)


def _ancestors() -> list[int]:
    """Process ids of the parent, its parent and so on."""
    found: list[int] = []
    pid = os.getppid()
    while pid:
        found.append(pid)
        try:
            # PID (NAME) STATE PARENT ..., where a name may hold blanks and brackets: proc_pid_stat(5)
            pid = int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            break
    return found


def _dvc_processes() -> set[int] | None:
    """The dvc processes that run stages of the repository around the current folder; None if unknown.

    While a stage runs, its dvc stands in ``.dvc/tmp/rwlock`` as the one that writes the stage's outs.
    """
    here = Path.cwd()
    homes = [folder / ".dvc" for folder in (here, *here.parents) if (folder / ".dvc").is_dir()]
    deadline = time.monotonic() + READ_SECONDS
    while homes and time.monotonic() < deadline:
        try:
            holders = json.loads((homes[0] / "tmp" / "rwlock").read_bytes())["write"].values()
            return {int(holder["pid"]) for holder in holders}
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError):
            time.sleep(0.01)
    return None


def _watch(pid: int) -> None:
    """End this process when another one, which is not its parent, ends."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        _end("the process that started this one has ended; run the command again")
    except OSError:  # Linux before 5.3
        return

    def wait() -> None:
        select.select([descriptor], [], [])
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait, name="die with starter", daemon=True).start()
