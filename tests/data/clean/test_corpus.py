"""Documents by number: every selection is read as it was asked for."""

from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmill.core.errors import UserError
from tokenmill.data.clean.components import connected
from tokenmill.data.clean.corpus import Corpus, repeated


def parts(folder: Path, **sizes: list[int]) -> tuple[Corpus, list[str]]:
    """A corpus of sources with parts of these sizes, and its ids in order."""
    ids: list[str] = []
    for source, counts in sizes.items():
        (folder / source).mkdir(parents=True)
        for number, count in enumerate(counts):
            own = [f"{source}:{number}:{row}" for row in range(count)]
            frame = pl.DataFrame({"id": own, "other": range(count)}, {"id": pl.String, "other": pl.Int64})
            frame.write_parquet(folder / f"{source}/{number:06d}.parquet")
            ids += own
    return Corpus.of(folder), ids


def test_any_selection(tmp_path: Path) -> None:
    corpus, ids = parts(tmp_path, a=[3, 0, 20], b=[0], c=[1, 9])
    assert len(corpus) == len(ids) == 33
    assert corpus.sources == ["a", "b", "c"]
    assert [len(corpus.numbers_of(name)) for name in "abc"] == [23, 0, 10]
    assert corpus.numbers_of("c") == range(23, 33)
    for chosen in ([], [0], [2, 3, 22], [5], list(range(33)), list(range(1, 33, 2)), [23, 24, 32]):
        table = corpus.table(["id"], np.array(chosen, np.int64))
        assert table.schema == {"number": pl.Int64, "id": pl.String}
        assert table.rows() == [(number, ids[number]) for number in chosen]
    whole = list(corpus.read(["other", "id"]))
    assert np.concatenate([numbers for numbers, _ in whole]).tolist() == list(range(33))
    assert pl.concat([frame for _, frame in whole])["id"].to_list() == ids


def test_a_few_rows_do_not_keep_their_part_in_memory(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    texts = pl.Series("text", [f"{n} " * 5000 for n in range(100)])
    texts.to_frame().write_parquet(tmp_path / "s/000000.parquet")
    ((_, frame),) = Corpus.of(tmp_path).read(["text"], np.array([7]))
    assert frame["text"].to_list() == [texts[7]]
    # What was copied is all that its buffers hold; a selection that was not shares those of its part.
    views = frame["text"].to_arrow(compat_level=pl.CompatLevel.newest())
    assert sum(buffer.size for buffer in views.buffers() if buffer) < 20_000


def test_no_parts(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no documents to clean; run `dvc repro measure`"):
        Corpus.of(tmp_path)


@given(st.lists(st.integers(0, 9), max_size=30))
def test_repeated(numbers: list[int]) -> None:
    counts = Counter(numbers)
    assert repeated(np.array(numbers, np.uint64)).tolist() == [counts[number] > 1 for number in numbers]


def test_connected() -> None:
    left, right = np.array([4, 2, 6]), np.array([2, 1, 5])
    assert connected(left, right, 7).tolist() == [0, 1, 1, 3, 1, 5, 5]
    assert connected(left[:0], right[:0], 2).tolist() == [0, 1]
    assert connected(left[:0], right[:0], 0).tolist() == []
