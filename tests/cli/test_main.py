"""What the `tokenmill` command says of itself."""

import sys
from importlib import metadata

import pytest

from tokenmill.cli.main import main


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["tokenmill", "--version"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert capsys.readouterr().out == f"tokenmill {metadata.version('tokenmill')}\n"
