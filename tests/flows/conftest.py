"""Repositories for each test; one Prefect server, started with the shipped settings, for all of them."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


@dataclass
class _Starting:
    process: "subprocess.Popen[bytes]"
    folder: Path
    env: dict[str, str]


@pytest.fixture(scope="session", autouse=True)
def server_process(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[_Starting | None]:
    """`prefect server start` with the repository's prefect.toml and a new .env, on a free port.

    It starts with the session when some test wants it, because it needs its 15 seconds.
    """
    if not any("server" in getattr(item, "fixturenames", ()) for item in request.session.items):
        yield None
        return
    folder = tmp_path_factory.mktemp("prefect")
    (folder / "prefect.toml").write_bytes((toy.ROOT / "prefect.toml").read_bytes())
    ensure_password(folder / ".env")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    env = {"PREFECT_HOME": str(folder / "home"), "PREFECT_SERVER_API_PORT": port, "DO_NOT_TRACK": "1"}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [PREFECT, "server", "start"],
            cwd=folder,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield _Starting(process, folder, {**env, "PREFECT_API_URL": f"http://127.0.0.1:{port}/api"})
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="session")
def server(server_process: _Starting) -> Server:
    """The server, when it answers."""
    url = server_process.env["PREFECT_API_URL"]

    def answers() -> bool:
        assert server_process.process.poll() is None, (server_process.folder / "server.log").read_text()
        try:
            return httpx.get(f"{url}/health", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    toy.until(answers, "the Prefect server", 120)
    lines = (server_process.folder / ".env").read_text().splitlines()
    password = dict(line.split("=", 1) for line in lines if "=" in line)
    return Server(url, {**server_process.env, CLIENT_AUTH: password[CLIENT_AUTH]})


@pytest.fixture(scope="session")
def client(server: Server) -> Iterator[Any]:
    """Prefect's client in this process, which then runs flows on the server, too."""
    patch = pytest.MonkeyPatch()
    for name, value in server.env.items():
        patch.setenv(name, value)
    from prefect.client.orchestration import get_client
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

    password = server.env["PREFECT_API_AUTH_STRING"]
    with (
        temporary_settings({PREFECT_API_URL: server.url, PREFECT_API_AUTH_STRING: password}),
        get_client(sync_client=True) as client,
    ):
        yield client
        # What still waits to be sent would be tried in vain, for a minute, when the server is gone.
        APILogWorker.drain_all(timeout=20)
        EventsWorker.drain_all(timeout=20)
    patch.undo()
