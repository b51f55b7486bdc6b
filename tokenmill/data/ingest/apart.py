"""Tables read in a process of their own: damaged files end the native libraries that read them."""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from tokenmill.core.errors import UserError

READER = "tokenmill.data.ingest.columnar"
SETTINGS = {"ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""No memory is reserved beforehand, for the process may only have so much (``Table.memory_bytes``)."""
_process: "subprocess.Popen[bytes] | None" = None


def open_table(where: str, kind: str, **arguments: Any) -> list[str]:
    """Open a table with a function of :mod:`tokenmill.data.ingest.columnar`; returns names of its columns.

    One process reads table after table, so that a small file costs no start of one. Messages begin with
    ``where``.

    Raises:
        UserError: it cannot be read.
    """
    ((_, columns),) = _ask(where, ("open", kind, arguments))
    return list(columns)


def read_rows(where: str, columns: Sequence[str], max_bytes: int) -> Iterator[tuple[Any, ...]]:
    """Rows of the table that was opened last: the values of ``columns``, as Python has them.

    Texts longer than ``max_bytes`` bytes come cut, with more characters than that.

    Raises:
        UserError: it is damaged, or takes too much memory.
    """
    for _, values in _ask(where, ("read", list(columns), max_bytes)):
        yield from zip(*values, strict=True)


def _ask(where: str, question: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """The answers up to the last one, which is ``columns`` or ``end``."""
    global _process
    if _process is None or _process.poll() is not None:
        _process = _start()
    process, answered = _process, False
    assert process.stdin is not None and process.stdout is not None
    try:
        try:
            pickle.dump(question, process.stdin)
            process.stdin.flush()
            answer = pickle.load(process.stdout)
            while answer[0] == "rows":
                yield answer
                answer = pickle.load(process.stdout)
        except (EOFError, BrokenPipeError, pickle.UnpicklingError):
            raise UserError(f"{where}: {_end(process.wait())}; fetch or write it anew") from None
        answered = True
        if answer[0] == "problem":
            raise UserError(f"{where}: {answer[1]}")
        if answer[0] == "columns":
            yield answer
    finally:
        if not answered:  # what it still has to say belongs to no question
            process.kill()
            process.wait()
            _process = None


def _start() -> "subprocess.Popen[bytes]":
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    # What the library says while it fails comes to many lines, of which none names the file.
    return subprocess.Popen(
        [sys.executable, "-P", "-m", READER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **SETTINGS, "PYTHONPATH": path},
    )


def _end(status: int) -> str:
    if status == -signal.SIGKILL:
        return "reading it was killed, most often for want of memory"
    how = signal.Signals(-status).name if status < 0 else f"status {status}"
    return f"so damaged that the library for it breaks down ({how})"
