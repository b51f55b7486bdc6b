"""What a log says of long work: a line every few minutes, and at each validation."""

from typing import Any

import pytest

from tests.training.test_fit import new_task, run
from tokenmill.jobs import pace
from tokenmill.jobs.progress import Progress
from tokenmill.jobs.workers import each


def told(printed: str) -> list[str]:
    """The lines, without what depends on the machine's speed."""
    return [line.split("  ")[0] for line in printed.splitlines() if "a checkpoint takes" not in line]


def test_each_validation_and_the_end(tmp_path: Any, capfd: pytest.CaptureFixture[str]) -> None:
    module = run(tmp_path / "last.ckpt", callbacks=[Progress("gpt")])
    losses = [f"{row['loss']:.3f}" for row in module.curve]
    assert told(capfd.readouterr().out) == [
        f"gpt: validation loss {losses[0]} after 4 of 8 steps",
        "gpt: step 8/8",
        f"gpt: validation loss {losses[1]} after 8 of 8 steps",
    ]


def test_a_line_when_the_last_one_is_long_ago(
    tmp_path: Any, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "LINE_SECONDS", 0.0)
    run(tmp_path / "last.ckpt", task=new_task(), callbacks=[Progress("gpt")])
    steps = [line for line in told(capfd.readouterr().out) if "validation" not in line]
    assert steps == [f"gpt: step {step}/8" for step in range(1, 9)]


def test_parts_of_other_stages(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(each(abs, [-1, -2], workers=1)) == [1, 2]
    assert capfd.readouterr().out == ""
    monkeypatch.setattr(pace, "LINE_SECONDS", 0.0)
    assert list(each(abs, [-1, -2], workers=1)) == [1, 2]
    assert capfd.readouterr().out == "1 of 2 parts done\n2 of 2 parts done\n"
