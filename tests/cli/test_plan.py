"""``tokenmill plan``: one line a model, from the settings and the shards alone."""

from pathlib import Path

import pytest

from tests.tiny_project import write_project
from tokenmill.cli.plan import duration, show
from tokenmill.core.errors import UserError


def test_every_model_has_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_project(tmp_path, pretrain={"bert": {"batch_rows": None, "learning_rate": None}})
    show(tmp_path, None)
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["model", "parameters", "tokens"]
    named = {line.split()[0]: line.split() for line in lines}
    assert sorted(named) == ["bert", "gpt", "t5"]
    assert named["gpt"][2] == "6,400" and named["gpt"][4:8] == ["50", "x", "4", "0.0200"]
    assert named["bert"][4:8] == ["50", "x", "4", "0.0071"]
    with pytest.raises(UserError, match=r"gtp: not under pretrain in params\.yaml; give one of "):
        show(tmp_path, "gtp")


def test_what_no_machine_has_room_for_is_refused_by_arithmetic(tmp_path: Path) -> None:
    """A context of two million was looked at row by row, for more than ten minutes."""
    write_project(tmp_path, pretrain={"gpt": {"context": 2_000_000, "batch_rows": 100_000, "width": 512}})
    with pytest.raises(
        UserError, match=r"^pretrain\.gpt takes at least [\d,.]+ GiB a process, and there are "
    ):
        show(tmp_path, "gpt")


def test_durations_are_said_in_units_of_their_size() -> None:
    assert [duration(s) for s in (45, 720, 12600, 1.7e6)] == ["45 s", "12 min", "3.5 h", "20 days"]
