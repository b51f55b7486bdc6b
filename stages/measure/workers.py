"""Parts in several processes of this machine; what they write is the same as from one."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

from stages.data_settings import MeasureSettings
from stages.job import die_with_parent
from stages.measure.part import Part, measure_part

LEAST_PARTS = 2
"""Fewer parts than this are measured faster than processes start."""
ONE_THREAD = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS"), "1")
"""Environment of a worker: with one process a core, more threads would only get in each other's way."""


def run_parts(
    raw: Path, parts: Sequence[Part], folder: Path, settings: MeasureSettings, workers: int
) -> None:
    """Measure all parts into ``folder``, in at most ``workers`` processes. The first error ends it."""
    if workers == 1 or len(parts) < LEAST_PARTS:
        for part in parts:
            measure_part(raw, part, folder, settings)
        return
    context = multiprocessing.get_context("spawn")  # a fork would copy the threads' locks of polars
    with (
        _environment(ONE_THREAD),
        ProcessPoolExecutor(min(workers, len(parts)), context, initializer=die_with_parent) as pool,
    ):
        running = [pool.submit(measure_part, raw, part, folder, settings) for part in parts]
        try:
            for done in as_completed(running):
                done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Variables that processes started meanwhile see."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
