"""Parts in processes and on a Dask cluster: the same results, and what happens when one is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.data.clean.helpers import MEASURE, row, table, write_raw
from tokenmill.core.errors import UserError
from tokenmill.core.files import digest_tree
from tokenmill.data.measure import run
from tokenmill.data.measure.run import measure
from tokenmill.jobs import workers as module
from tokenmill.jobs.runtime import RuntimeSettings
from tokenmill.jobs.workers import each


def square(number: int) -> int:
    return number * number


def die(folder: Path, number: int) -> int:
    """The first process to come here is killed, as if memory had run out."""
    try:
        (folder / "died").touch(exist_ok=False)
    except FileExistsError:
        return square(number)
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def threads(_: int) -> str | None:
    return os.environ.get("POLARS_MAX_THREADS")


def complain(number: int) -> int:
    raise UserError(f"part {number} is wrong")


def wait(folder: Path, number: int) -> None:
    (folder / f"pid-{number}").write_text(str(os.getpid()), "utf-8")
    time.sleep(60)


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_parts(workers: int) -> None:
    assert list(each(square, list(range(9)), workers=workers)) == [n * n for n in range(9)]
    assert list(each(square, [], workers=workers)) == []


def test_processes_start_with_one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLARS_MAX_THREADS", "7")
    assert list(each(threads, [1, 2], workers=2)) == ["1", "1"]
    assert os.environ["POLARS_MAX_THREADS"] == "7"


def test_a_killed_process_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"killed.*runtime\.workers in params\.yaml below 2") as stopped:
        list(each(partial(die, tmp_path), [1, 2, 3], workers=2))
    assert "\n" not in str(stopped.value)


def test_a_mistake_in_a_part_stops_the_stage() -> None:
    with pytest.raises(UserError, match="part 1 is wrong"):
        list(each(complain, [1, 2, 3], workers=2))


SCRIPT = """
import sys
from functools import partial
from pathlib import Path
from tokenmill.jobs.workers import each
from tests.jobs.test_workers import wait
if __name__ == "__main__":
    list(each(partial(wait, Path(sys.argv[1])), [1, 2], workers=2))
"""


def test_processes_die_with_the_one_that_started_them(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, "utf-8")
    parent = subprocess.Popen([sys.executable, script, tmp_path], env={**os.environ, "PYTHONPATH": str(ROOT)})
    notes = [tmp_path / "pid-1", tmp_path / "pid-2"]
    try:
        _until(lambda: all(note.exists() and note.read_text("utf-8") for note in notes))
    finally:
        parent.kill()
        parent.wait()
    _until(lambda: not any(_runs(int(note.read_text("utf-8"))) for note in notes))


def _runs(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text("utf-8")
    except FileNotFoundError:
        return False


def _until(condition: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Address of a scheduler with two workers, processes of their own."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as made:
        yield made.scheduler_address


def test_a_cluster_gives_the_same_bytes(
    cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row(f"文本 {n}，and some words 13800138{n:03d} " * (n % 9)) for n in range(80)]
    write_raw(tmp_path / "raw", {"s": table("s", rows), "t": table("t", [])})
    monkeypatch.setattr(run, "PART_BYTES", 1000)
    digests = set()
    for name, runtime in {"one": RuntimeSettings(workers=1), "dask": RuntimeSettings(dask=cluster)}.items():
        totals = measure(tmp_path / "raw", tmp_path / name, tmp_path / "parts", MEASURE, runtime)
        assert totals["parts"] > 10
        digests.add(digest_tree(tmp_path / name))
    assert len(digests) == 1


def test_a_worker_killed_in_the_middle_is_survived(cluster: str, tmp_path: Path) -> None:
    results = list(each(partial(die, tmp_path), list(range(20)), dask=cluster))
    assert results == [n * n for n in range(20)]
    assert (tmp_path / "died").exists()


def test_a_mistake_on_a_cluster_stops_the_stage(cluster: str) -> None:
    with pytest.raises(UserError, match="part 1 is wrong"):
        list(each(complain, [1, 2, 3], dask=cluster))


def test_workers_with_other_code_are_refused(cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENGINES", ("numpy",))
    monkeypatch.setattr(module.metadata, "version", lambda name: "0.1")
    with pytest.raises(UserError, match=r"runtime\.dask .* differs: numpy .* there, 0\.1 here"):
        list(each(square, [1], dask=cluster))


def test_an_address_where_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(module, "CONNECT_SECONDS", 1)
    with pytest.raises(UserError, match=r"runtime\.dask 'tcp://127\.0\.0\.1:9'.*dask scheduler") as stopped:
        list(each(square, [1], dask="tcp://127.0.0.1:9"))
    assert "\n" not in str(stopped.value)


def test_a_scheduler_without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(module, "CONNECT_SECONDS", 1)
    with distributed.LocalCluster(n_workers=0, dashboard_address=":0") as made:  # noqa: SIM117
        with pytest.raises(UserError, match="no worker"):
            list(each(square, [1], dask=made.scheduler_address))
