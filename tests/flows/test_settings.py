"""The server that the shipped settings start, and its password."""

import os
import stat
from pathlib import Path

import httpx
import pytest

from flows.settings import CLIENT_AUTH, SERVER_AUTH, ensure_password
from tests.flows.conftest import Server


def test_password_is_random_private_and_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SERVER_AUTH, raising=False)
    one, other = tmp_path / "one", tmp_path / "other"
    other.write_text("MINE=1")
    assert ensure_password(one) and ensure_password(other)
    written = one.read_text()
    values = dict(line.split("=", 1) for line in written.splitlines() if not line.startswith("#"))
    assert set(values) == {SERVER_AUTH, CLIENT_AUTH} and len(set(values.values())) == 1
    assert len(values[SERVER_AUTH].partition(":")[2]) >= 32
    assert stat.S_IMODE(os.stat(one).st_mode) == stat.S_IMODE(os.stat(other).st_mode) == 0o600
    assert other.read_text().startswith("MINE=1\n#")
    assert values[SERVER_AUTH] not in other.read_text()
    assert not ensure_password(one)
    assert one.read_text() == written


def test_password_in_the_environment_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SERVER_AUTH, "me:secret")
    assert not ensure_password(tmp_path / ".env")
    assert not (tmp_path / ".env").exists()


def test_server_wants_the_password_and_knows_its_own_page_only(server: Server) -> None:
    name, _, password = server.env[CLIENT_AUTH].partition(":")
    url = f"{server.url}/flow_runs/count"

    def ask(origin: str, auth: httpx.BasicAuth | None) -> httpx.Response:
        # CSRF protection wants a token with each POST; a GET needs none.
        return httpx.get(f"{server.url}/admin/version", headers={"Origin": origin}, auth=auth)

    known = httpx.BasicAuth(name, password)
    assert ask("http://127.0.0.1:4200", None).status_code == 401
    assert ask("http://127.0.0.1:4200", httpx.BasicAuth(name, "x" * 32)).status_code == 401
    home = ask("http://127.0.0.1:4200", known)
    assert home.status_code == 200
    assert home.headers["access-control-allow-origin"] == "http://127.0.0.1:4200"
    assert "access-control-allow-origin" not in ask("http://evil.example", known).headers
    assert httpx.post(url, json={}, auth=known).status_code == 403


def test_server_sends_nothing_home(server: Server) -> None:
    name, _, password = server.env[CLIENT_AUTH].partition(":")
    settings = httpx.get(f"{server.url}/admin/settings", auth=(name, password)).json()
    assert settings["server"]["analytics_enabled"] is False
    assert settings["server"]["api"]["host"] == "127.0.0.1"
    assert settings["server"]["ephemeral"]["enabled"] is False
