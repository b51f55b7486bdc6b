"""How rows are shared out. What several processes do together: tests/stages/test_processes.py."""

import pytest

from tokenmill.training import parallel


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
