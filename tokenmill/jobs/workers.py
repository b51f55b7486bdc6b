"""Independent parts of a stage's work: in this process, in several of this machine, or on a Dask cluster."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from importlib import metadata
from typing import Any, TypeVar

from tokenmill.core.errors import UserError
from tokenmill.core.files import digest_value
from tokenmill.core.threads import compute_threads
from tokenmill.jobs.lineage import all_code
from tokenmill.jobs.pace import Pace
from tokenmill.jobs.starter import STARTER, die_with_starter

Part = TypeVar("Part")
Result = TypeVar("Result")

ENGINES = ("numpy", "polars")
"""Packages whose versions must agree on all machines, or equal inputs could give other bytes."""
ONE_THREAD = dict.fromkeys(("POLARS_MAX_THREADS", "RAYON_NUM_THREADS", "OMP_NUM_THREADS"), "1")
"""What numeric packages read when they are imported: each process computes on one core."""
CONNECT_SECONDS = 20
"""How long a scheduler may take to answer, and its first worker to appear."""


def each(
    function: Callable[[Part], Result], parts: Sequence[Part], *, workers: int = 0, dask: str | None = None
) -> Iterator[Result]:
    """``function(part)`` of every part, in the order of the parts, as they become ready.

    A line says how many are done, when the last one was some minutes ago.

    ``workers``: processes of this machine, 0 for one for each core; with one, or a single part, no other
    process is started. ``dask``: address of a scheduler, whose workers then do the work instead; they must
    see the same files at the same places. ``function`` stands at the top level of a module, and may be called
    twice for the same part, when a machine is lost: it must write its results whole.

    Raises:
        UserError: a process was killed, or the cluster cannot be used.
    """
    pace = Pace()
    for done, result in enumerate(_each(function, parts, workers, dask), start=1):
        if pace.is_due():
            print(f"{done} of {len(parts)} parts done", flush=True)
            pace.note()
        yield result


def _each(
    function: Callable[[Part], Result], parts: Sequence[Part], workers: int, dask: str | None
) -> Iterator[Result]:
    if not parts:
        return
    if dask is not None:
        yield from _on_cluster(function, parts, dask)
        return
    count = min(compute_threads(workers), len(parts))
    if count == 1:
        yield from map(function, parts)
        return
    # Not by fork: threads of polars, and the locks that they hold, do not survive it.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=spawn, initializer=_prepare) as pool:
        # Submitting is what starts the processes.
        with _environment({**ONE_THREAD, STARTER: str(os.getpid())}):
            futures = [pool.submit(function, part) for part in parts]
        try:
            for place, future in enumerate(futures):
                yield future.result()
                futures[place] = Future()  # lets go of the result
        except BrokenProcessPool:
            raise UserError(
                "a worker process was killed, most often for want of memory; "
                f"set runtime.workers in params.yaml below {count}, then run the same command again"
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for the processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _prepare() -> None:
    """Ctrl-C is the parent's to answer, and its death is the worker's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_starter()


def _on_cluster(function: Callable[[Part], Result], parts: Sequence[Part], address: str) -> Iterator[Result]:
    where = f"params.yaml: runtime.dask {address!r}"
    try:
        from distributed import Client  # an extra
    except ImportError:
        raise UserError(f"{where}: needs `pip install 'tokenmill[distributed]'`") from None
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else "no answer"
        raise UserError(f"{where}: {reason}; start `dask scheduler`, or remove the setting") from None
    with client:
        _check(client, where)
        # A lost worker's parts go to another one: up to three times, distributed's default.
        futures = client.map(function, parts, pure=False)
        try:
            for future in futures:
                yield future.result()
        finally:
            client.cancel(futures)


def _check(client: Any, where: str) -> None:
    """Every worker has our code, and the packages that decide about bytes, as they are here."""
    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    except TimeoutError:
        raise UserError(f"{where}: the scheduler has no worker; start some with `dask worker`") from None
    here = environment()
    try:
        reports = client.run(environment)
    except ModuleNotFoundError as error:
        raise UserError(f"{where}: a worker has {error}; start workers in the project's folder") from None
    for worker, there in sorted(reports.items()):
        differing = [
            f"{name} {there.get(name)} there, {mine} here"
            for name, mine in here.items()
            if there.get(name) != mine
        ]
        if differing:
            raise UserError(
                f"{where}: worker {worker} differs: {'; '.join(differing)}; install the same there"
            )


def environment() -> dict[str, str]:
    """What decides about the bytes of a part, beside its inputs: our code and the packages that compute."""
    return {"code": digest_value(all_code())[:12], **{name: metadata.version(name) for name in ENGINES}}
