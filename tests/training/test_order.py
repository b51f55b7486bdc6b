"""Data order: a function of (seed, step), every row once an epoch, new rows each epoch."""

import numpy as np
import pytest

from tokenmill.core.errors import UserError
from tokenmill.training.order import TokenRows, length_buckets


def test_an_epoch_visits_every_row_once_and_epochs_differ() -> None:
    stream = np.arange(1000, dtype=np.uint16)
    rows = TokenRows(stream, 10, seed=1)
    epochs = [[tuple(r.tolist()) for r in rows.batch(epoch, rows.rows)] for epoch in range(2)]
    for epoch in epochs:
        starts = sorted(row[0] for row in epoch)
        assert np.diff(starts).tolist() == [10] * (rows.rows - 1)
        assert all(row == tuple(range(row[0], row[0] + 10)) for row in epoch)
    assert epochs[0] != epochs[1]


def test_a_batch_follows_from_seed_and_step_alone() -> None:
    stream = np.random.default_rng(0).integers(0, 60000, 5000).astype(np.uint16)
    forward = TokenRows(stream, 16, seed=3)
    visited = [
        forward.batch(step, 7) for step in range(200)
    ]  # crosses several epochs, and batches cross them too
    jumping = TokenRows(stream, 16, seed=3)
    for step in (199, 0, 57, 44, 45):
        assert (jumping.batch(step, 7) == visited[step]).all()
    assert not (TokenRows(stream, 16, seed=4).batch(0, 7) == visited[0]).all()


def test_too_few_tokens_are_refused() -> None:
    with pytest.raises(UserError, match="do not fill"):
        TokenRows(np.arange(30), 16, seed=0)


def test_buckets_hold_every_text_once_with_little_padding() -> None:
    lengths = np.random.default_rng(0).integers(3, 128, 1000).tolist()
    batches = length_buckets(lengths, 16, seed=1, epoch=0)
    assert sorted(index for batch in batches for index in batch) == list(range(1000))
    computed = sum(max(lengths[i] for i in batch) * len(batch) for batch in batches)
    assert computed < 1.1 * sum(lengths)
    assert batches == length_buckets(lengths, 16, seed=1, epoch=0)
    assert batches != length_buckets(lengths, 16, seed=1, epoch=1)
