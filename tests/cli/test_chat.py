"""`tokenmill chat`: a line for a line, what was said before is kept."""

import io
import sys

import pytest

from tests.cli.test_models import Terminal
from tests.tiny_models import tiny_model, write_tokenizer
from tokenmill.cli.main import main
from tokenmill.inference import api
from tokenmill.model.folder import save_model
from tokenmill.text.tokenizer import fingerprint


@pytest.fixture(scope="module")
def talker(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model for conversations with random weights."""
    folder = tmp_path_factory.mktemp("talker")
    tokenizer = write_tokenizer(folder / "tokenizer")
    known = {"tokenizer": fingerprint(tokenizer)}
    save_model(folder / "model", tiny_model(context=128), tokenizer=tokenizer, ancestry=known, chat=True)
    return str(folder / "model")


def run(monkeypatch: pytest.MonkeyPatch, stdin: io.StringIO, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["tokenmill", "chat", *arguments])
    monkeypatch.setattr(sys, "stdin", stdin)
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_each_line_is_answered_with_what_was_said_in_mind(
    talker: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stdin = io.StringIO("books\n\n films \n")
    assert run(monkeypatch, stdin, talker, "--system", "be", "--max-new-tokens", "6", "--seed", "3") == 0
    lines = capsys.readouterr().out.splitlines()
    messages = [{"role": "system", "content": "be"}, {"role": "user", "content": "books"}]
    first = api.chat(talker, messages, max_new_tokens=6, temperature=0.8, seed=3)
    messages += [{"role": "assistant", "content": first}, {"role": "user", "content": "films"}]
    second = api.chat(talker, messages, max_new_tokens=6, temperature=0.8, seed=3)
    assert lines == [" ".join(first.split()), " ".join(second.split())]


def test_on_a_terminal_it_asks(
    talker: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stdin = Terminal()
    stdin.write("books\n")
    stdin.seek(0)
    assert run(monkeypatch, stdin, talker, "--max-new-tokens", "4") == 0
    out = capsys.readouterr().out
    assert out.startswith("> ") and out.endswith("\n> ") and out.count("> ") == 2


def test_a_mistake_is_one_line(
    talker: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, io.StringIO("a\n"), talker, "--max-new-tokens", "200") == 1
    assert "the last turn has 3 tokens, and there is room for 0" in capsys.readouterr().err
    assert run(monkeypatch, io.StringIO("a\n"), "nowhere") == 1
    assert "nowhere: no such folder" in capsys.readouterr().err
