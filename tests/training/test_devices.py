"""What the Trainer is told, and what is refused."""

import pytest

from tokenmill.core.errors import UserError
from tokenmill.training.devices import trainer_settings
from tokenmill.training.runtime import Runtime


def test_more_devices_than_there_are_and_other_processes_than_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(UserError, match=r"runtime\.devices is 1000, but this machine has \d+ .*; lower it"):
        trainer_settings(Runtime(devices=1000))
    monkeypatch.setenv("WORLD_SIZE", "8")
    with pytest.raises(UserError, match=r"8 processes were started, but .*devices 1 x runtime\.nodes 1"):
        trainer_settings(Runtime())
