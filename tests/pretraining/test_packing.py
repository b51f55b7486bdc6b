"""Packed rows: documents at row starts, whole ones after them, every token at most once, little lost."""

import numpy as np
import numpy.typing as npt
import pytest

from tokenmill.core.errors import UserError
from tokenmill.pretraining.packing import PackedRows

BOS = 1


def documents(sizes: list[int]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """A stream in which each document is <bos> and numbers that occur once, and the documents' ends."""
    stream = np.arange(100, 100 + sum(sizes))
    ends = np.cumsum(sizes)
    stream[np.concatenate([[0], ends[:-1]])] = BOS
    return stream, ends


def test_rows_begin_with_documents_and_hold_whole_ones_but_for_the_last() -> None:
    sizes = np.random.default_rng(0).integers(2, 60, 400).tolist()
    stream, ends = documents(sizes)
    rows = PackedRows(stream, ends, 64, seed=1)
    epoch = rows.batch(0, rows.rows).numpy()
    assert epoch.shape == (rows.rows, 64) and rows.waste < 0.1
    assert rows.waste == pytest.approx(1 - epoch.size / len(stream))
    assert (epoch[:, 0] == BOS).all()
    text = epoch[epoch != BOS]
    assert len(np.unique(text)) == len(text), "a token stands in two places"
    whole = {tuple(stream[end - size : end].tolist()) for end, size in zip(ends, sizes, strict=True)}
    for row in epoch:
        pieces = np.split(row, np.flatnonzero(row == BOS)[1:])
        assert all(tuple(piece.tolist()) in whole for piece in pieces[:-1])
        assert any(tuple(pieces[-1].tolist()) == document[: len(pieces[-1])] for document in whole)
    assert rows.starts(0, 3) == [int(np.flatnonzero(stream == row[1])[0]) - 1 for row in epoch[:3]]
    later = rows.batch(1, rows.rows).numpy()
    assert sorted(map(tuple, later)) == sorted(map(tuple, epoch)) and (later != epoch).any()


def test_a_long_document_fills_rows_of_its_own_and_loses_nothing() -> None:
    stream, ends = documents([200, 56])
    rows = PackedRows(stream, ends, 64, seed=0)
    assert rows.rows == 4 and rows.waste == 0
    assert sorted(rows.starts(0, 4)) == [0, 64, 128, 192]  # what is left of it comes before the other


def test_too_few_tokens_are_refused() -> None:
    with pytest.raises(UserError, match="do not fill a row of 64"):
        PackedRows(*documents([20, 20]), 64, seed=0)
