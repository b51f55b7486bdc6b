"""docs/playground.md: its requests are answered, and its figures are those of the code."""

import json
import re
import shutil
import subprocess

import pytest

from tests.conftest import ROOT
from tests.serving.conftest import Server
from tokenmill.serving import limits, server
from tokenmill.serving.app import ASKED

PAGE = (ROOT / "docs/playground.md").read_text("utf-8")
OURS = {"assistant": "talker", "entities": "names"}
"""The models of the page that have another name in the tests."""


def here(code: str, server: Server) -> str:
    """Code of the page for the server of the tests."""
    for theirs, ours in OURS.items():
        code = code.replace(f'"{theirs}"', f'"{ours}"')
    return code.replace("localhost:8000", f"localhost:{server.port}")


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
def test_its_requests_are_answered(server: Server) -> None:
    commands = re.findall(r"^curl (?:.*\\\n)*.*$", PAGE, re.MULTILINE)
    assert {command.split()[1].partition("8000")[2] for command in commands} == set(ASKED)
    for command in commands:
        done = subprocess.run(["sh", "-c", here(command, server)], capture_output=True, timeout=60)
        answer = done.stdout.decode()
        assert "error" not in answer, answer
        assert answer.endswith("[DONE]\n\n") or json.loads(answer)


def test_its_client_is_answered(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("openai")
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    exec(here(code, server), {})
    assert capsys.readouterr().out


def test_its_figures_are_those_of_the_code() -> None:
    defaults = limits.CONTINUING
    for said in (
        f"at most {limits.MOST_TEXTS} texts ({limits.MOST_EXPLAINED} to explain)",
        f"of {limits.MOST_CHARACTERS:,} characters in all, {limits.MOST_SAMPLES} samples",
        f"{limits.MOST_CANDIDATES} candidates for a gap",
        f"At most {limits.MOST_WAITING} requests wait",
        f"at most {limits.ROWS_AT_ONCE} rows",
        f"writes {defaults['max_new_tokens']} tokens at temperature {defaults['temperature']}",
        f"a token of {server.SHORTEST_TOKEN} characters or more",
    ):
        assert said in PAGE.replace("\n", " "), said
    assert limits.MOST_BODY_BYTES == 1 << 20 and limits.MOST_LOADED == 4
