"""Servers as real processes, on free ports of the loopback interface, ended without leftovers."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def with_our_programs(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with this interpreter's programs first in PATH: MLflow starts ``uvicorn`` by name."""
    return {**environment, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"}


@contextmanager
def running(command: list[str], *, ready: str, log: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Start a server, wait until the address ``ready`` answers, and end it with all its children."""
    with log.open("w") as output:
        process = subprocess.Popen(
            command, env=dict(environment), cwd="/", stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(ready, timeout=5):
                    break
            except OSError:
                alive = process.poll() is None and time.monotonic() < deadline
                assert alive, log.read_text("utf-8", "replace")[-2000:]
                time.sleep(0.2)
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=15)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
