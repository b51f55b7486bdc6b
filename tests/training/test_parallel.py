"""How rows are shared out. What several processes do together: tests/stages/pretrain/test_processes.py."""

import pytest

from tokenmill.core.errors import UserError
from tokenmill.training import parallel
from tokenmill.training.loop import Runtime


@pytest.mark.parametrize("rows", [1, 3, 8, 9])
@pytest.mark.parametrize("world", [1, 2, 4])
@pytest.mark.parametrize("micro_batch", [0, 1, 2])
def test_every_row_is_computed_once_and_all_processes_take_as_many_turns(
    rows: int, world: int, micro_batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "world", lambda: world)
    taken, turns = [], set()
    for number in range(world):
        monkeypatch.setattr(parallel, "rank", lambda number=number: number)
        pieces = parallel.pieces(rows, micro_batch)
        taken += [row for piece in pieces for row in range(rows)[piece]]
        turns.add(len(pieces))
        assert all(piece.stop - piece.start <= (micro_batch or rows) for piece in pieces)
    assert taken == list(range(rows))
    assert len(turns) == 1


def test_more_devices_than_there_are_and_other_processes_than_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runtime = Runtime(threads=1, checkpoint_every_seconds=1, log_every_steps=1, devices=1000)
    with pytest.raises(UserError, match=r"runtime\.devices is 1000, but this machine has \d+ .*; lower it"):
        parallel.trainer_settings(runtime)
    monkeypatch.setenv("WORLD_SIZE", "8")
    with pytest.raises(UserError, match=r"8 processes were started, but .*devices 1 x runtime\.nodes 1"):
        parallel.trainer_settings(Runtime(threads=1, checkpoint_every_seconds=1, log_every_steps=1))
