"""What the Trainer is told, and what is refused."""

import pytest

from tokenmill.core.errors import UserError
from tokenmill.training.devices import STARTERS, trainer_settings
from tokenmill.training.runtime import Runtime


def test_more_devices_than_there_are_and_other_processes_than_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(UserError, match=r"runtime\.devices is 1000, but this machine has \d+ .*; lower it"):
        trainer_settings(Runtime(devices=1000))
    for name in STARTERS:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(
        UserError, match=r"nodes is 2, but nothing tells .*; start it on each by torchrun or srun"
    ):
        trainer_settings(Runtime(nodes=2))
    monkeypatch.setenv("WORLD_SIZE", "8")
    with pytest.raises(UserError, match=r"8 processes were started, but .*devices 1 x runtime\.nodes 1"):
        trainer_settings(Runtime())
    monkeypatch.setenv("WORLD_SIZE", "many")
    with pytest.raises(UserError, match=r"many processes were started"):
        trainer_settings(Runtime())


def test_what_several_machines_wait_for_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"WORLD_SIZE": "2", "MASTER_ADDR": "first", "MASTER_PORT": "29400"}.items():
        monkeypatch.setenv(name, value)
    assert trainer_settings(Runtime(nodes=2))["num_nodes"] == 2
    assert capsys.readouterr().out == "waiting for 2 processes on 2 machines at first:29400\n"
