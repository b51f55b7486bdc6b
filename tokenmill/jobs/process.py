"""The process that a stage runs in: which of several it is, how it is stopped, whether the disk is full."""

import errno
import os
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from tokenmill.core.errors import Stopped, UserError
from tokenmill.jobs.publish import project_home

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
LITTLE_ROOM = 1 << 20
"""Bytes; more than the footer of any parquet file that stages write."""
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The disk is full, a quota is used up, a file is larger than it may be."""


TORCHRUN = ("RANK", "LOCAL_RANK", "GROUP_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "TORCHELASTIC_RUN_ID")
SLURM = ("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID", "SLURM_NTASKS")
NODE = ("NODE_RANK",)
"""Environment variables by which launchers (the last is Lightning) tell a process which of several it is."""
SLURM_SHELLS = ("bash", "interactive")
"""Names of jobs in which Lightning takes no notice of SLURM."""


def is_global_zero() -> bool:
    """Whether this process is the first of those that train together, or the only one.

    torchrun numbers them in RANK, SLURM in SLURM_PROCID, Lightning in NODE_RANK and LOCAL_RANK.
    """
    numbers = ("RANK", "SLURM_PROCID", "NODE_RANK", "LOCAL_RANK")
    return all(os.environ.get(name, "0") == "0" for name in numbers)


def forget_launchers(processes: int | None) -> None:
    """Drop from the environment what launchers left there that does not concern this process.

    A shell below torchrun, or in an allocation of SLURM, hands on the variables of a process that it is not.
    ``processes``: how many compute this stage together; None for a stage that never is several.

    Raises:
        UserError: SLURM started another number of processes than compute together.
    """
    alone = processes is None or processes == 1
    counted = processes is not None and "WORLD_SIZE" in os.environ  # Trainer's settings are compared with it
    left = (
        *(() if counted else TORCHRUN),
        *(SLURM if alone else ()),
        *(NODE if alone and not counted else ()),
    )
    for name in left:
        os.environ.pop(name, None)
    tasks = os.environ.get("SLURM_NTASKS")
    if tasks is None or os.environ.get("SLURM_JOB_NAME") in SLURM_SHELLS:
        return
    if tasks != str(processes) or "SLURM_NTASKS_PER_NODE" not in os.environ:
        raise UserError(
            f"SLURM_NTASKS: {tasks}, but params.yaml says runtime.devices x runtime.nodes = {processes}; "
            "start the stage by srun with --ntasks-per-node as many as devices, or unset SLURM_NTASKS"
        )


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

    polars and NumPy pass on the words of the operating system without its error number, and the footer of a
    parquet file not even those: there the room that is left decides.
    """
    while error is not None:
        said = re.search(r"\(os error (\d+)\)", str(error))
        number = int(said[1]) if said else getattr(error, "errno", None)
        if number in NO_SPACE or (isinstance(error, OSError) and " requested and " in str(error)):
            return True
        if "Invalid thrift: transport error" in str(error) and _room() < LITTLE_ROOM:
            return True
        error = error.__cause__ or error.__context__
    return False


def _room() -> int:
    """Bytes that can still be written where stages work."""
    home = project_home()
    work = home / ".work"
    return shutil.disk_usage(work if work.exists() else home).free
