"""Repositories for each test; one Prefect server, started with the shipped settings, for all of them."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from flows.settings import CLIENT_AUTH, ensure_password
from tests.flows import toy

PREFECT = Path(sys.executable).with_name("prefect")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("template") / "repo"
    toy.make(root)
    return root


@pytest.fixture
def repo(template: Path, tmp_path: Path) -> Iterator[toy.Toy]:
    """A repository in which everything is up to date. No process may be left in it when the test is over."""
    this = toy.copy(template, tmp_path / "repo")
    yield this
    left = this.processes()
    for process in left:
        process.kill()
    assert left == []


@dataclass
class Server:
    """A running Prefect server, and what its clients need in their environment."""

    url: str
    env: dict[str, str]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`prefect server start` with the repository's prefect.toml and a new .env, on a free port."""
    home = tmp_path_factory.mktemp("prefect")
    (home / "prefect.toml").write_bytes((toy.ROOT / "prefect.toml").read_bytes())
    ensure_password(home / ".env")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    url = f"http://127.0.0.1:{port}/api"
    env = {"PREFECT_HOME": str(home / "home"), "PREFECT_SERVER_API_PORT": port, "DO_NOT_TRACK": "1"}
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [PREFECT, "server", "start"],
            cwd=home,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:

        def answers() -> bool:
            assert process.poll() is None, (home / "server.log").read_text()
            try:
                return httpx.get(f"{url}/health", timeout=5).status_code == 200
            except httpx.TransportError:
                return False

        toy.until(answers, "the Prefect server", 120)
        password = dict(
            line.split("=", 1) for line in (home / ".env").read_text().splitlines() if "=" in line
        )
        yield Server(url, {**env, "PREFECT_API_URL": url, CLIENT_AUTH: password[CLIENT_AUTH]})
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
