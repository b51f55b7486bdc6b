"""Who is answered: no page of another site, nobody from elsewhere without the token."""

import http.client
import json
from pathlib import Path

import pytest

from tests.serving.conftest import Server, playground
from tokenmill.cli.main import main

TOKEN = "a-token-for-the-tests"
ASKED = json.dumps({"model": "gpt", "prompt": "我", "max_tokens": 2}).encode()
JSON = {"content_type": "application/json"}


def post(server: Server, **headers: str) -> tuple[int, bytes]:
    return server.send("POST", "/v1/completions", ASKED, **{**JSON, **headers})


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "localhost:80", "[::1]:9"])
def test_names_of_this_machine_are_answered(server: Server, host: str) -> None:
    assert post(server, host=host)[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.", "", "[", "a@localhost:x"]
)
def test_other_names_are_refused(server: Server, host: str) -> None:
    for path in ("/", "/v1/models", "/report/report.html"):
        status, told = server.send("GET", path, host=host)
        assert status in (400, 403), told


def test_pages_of_other_sites_are_refused(server: Server) -> None:
    own = f"127.0.0.1:{server.port}"
    assert post(server, origin=f"http://{own}")[0] == 200
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1", "file://"):
        assert post(server, origin=origin)[0] == 403
    assert post(server, sec_fetch_site="same-origin")[0] == 200
    for site in ("cross-site", "same-site"):
        assert post(server, sec_fetch_site=site)[0] == 403
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        assert post(server, content_type=kind)[0] == 415


def test_pages_may_load_nothing_from_elsewhere(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for path, scripts in (("/", "script-src 'self'"), ("/report/report.html", "style-src 'unsafe-inline'")):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ") and scripts in policy and "http" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["access-control-allow-origin"] is None
    connection.close()


def test_beyond_this_machine_a_token_is_needed(server: Server) -> None:
    with playground(server.project, "--host", "0.0.0.0", token=TOKEN) as wide:
        assert wide.send("GET", "/")[0] == 200
        for path in ("/v1/models", "/api/models", "/api/examples/gpt", "/report/report.html"):
            for given in ({}, {"authorization": "Bearer x"}, {"authorization": TOKEN}):
                status, told = wide.send("GET", path, **given)
                assert status == 401 and b"Authorization: Bearer" in told
            status, _ = wide.send("GET", path, authorization=f"Bearer {TOKEN}", host="mill.example")
            assert status == 200
        assert post(wide)[0] == 401
        assert post(wide, authorization=f"bearer {TOKEN}")[0] == 200
        assert post(wide, authorization=f"Bearer {TOKEN}", origin="http://evil.example")[0] == 403


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--host", "0.0.0.0"], "--host 0.0.0.0: others reach this address; give a --token"),
        (["--host", "192.0.2.1", "--token", TOKEN], "192.0.2.1:8000: "),
        (["--token", "short"], "--token must have 16 characters or more"),
        (["--token", "with spaces in it, long"], "--token must have 16 characters or more"),
        (["nowhere"], "nowhere: no such folder"),
        (["--port", "70000"], "less than or equal to 65535"),
        ([], "data/models: holds no model"),
    ],
)
def test_what_cannot_be_served_is_one_line(
    options: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if options and "nowhere" not in options:
        folder = tmp_path / "data/models/gpt"
        folder.mkdir(parents=True)
        (folder / "config.json").touch()
    monkeypatch.setattr("sys.argv", ["tokenmill", "playground", *options])
    with pytest.raises(SystemExit) as end:
        main()
    error = capsys.readouterr().err
    assert end.value.code in (1, 2) and told in error and error.count("\n") == 1


def test_a_port_that_is_taken_is_named(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(server.project)
    monkeypatch.setattr("sys.argv", ["tokenmill", "playground", "--port", str(server.port)])
    with pytest.raises(SystemExit):
        main()
    assert f"127.0.0.1:{server.port}: Address already in use; name another --port" in capsys.readouterr().err
