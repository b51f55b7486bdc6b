"""What the `tokenmill` command says of itself."""

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tokenmill.cli.main import main


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["tokenmill", "--version"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert capsys.readouterr().out == f"tokenmill {metadata.version('tokenmill')}\n"


def test_the_shell_completes_commands() -> None:
    asked = {"_TOKENMILL_COMPLETE": "complete_bash", "COMP_WORDS": "tokenmill pla", "COMP_CWORD": "1"}
    command = Path(sys.executable).parent / "tokenmill"
    done = subprocess.run([command], env={**os.environ, **asked}, capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, ["plan", "playground"]), done.stderr
