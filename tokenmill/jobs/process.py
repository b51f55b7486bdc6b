"""The process that a stage runs in: which of several it is, how it is stopped, with whom it dies."""

import ctypes
import errno
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tokenmill.core.errors import Stopped

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The disk is full, a quota is used up, a file is larger than it may be."""


def is_global_zero() -> bool:
    """Whether this process is the first of those that train together, or the only one.

    torchrun numbers them in RANK, SLURM in SLURM_PROCID, Lightning in NODE_RANK and LOCAL_RANK.
    """
    numbers = ("RANK", "SLURM_PROCID", "NODE_RANK", "LOCAL_RANK")
    return all(os.environ.get(name, "0") == "0" for name in numbers)


def die_with_parent() -> None:
    """Ask Linux to end this process when its parent dies: ``kill -9`` of dvc leaves no trainer behind."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    pr_set_pdeathsig = 1  # linux/prctl.h
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the request took effect
        os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def stoppable() -> Iterator[None]:
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


def refuse_to_stop() -> None:
    """Ignore requests to stop from here to the end of :func:`stoppable`."""
    for signum in STOP_SIGNALS:
        signal.signal(signum, signal.SIG_IGN)


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
