"""No champion is measured on what it was trained on, whatever comes to the data."""

import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.clean.helpers import clean_tables, table
from tokenmill.core.files import digest_tree
from tokenmill.data.clean.settings import NearDuplicateSettings, SplitSettings
from tokenmill.data.shingles.signatures import whole
from tokenmill.data.shingles.similar import similar_texts
from tokenmill.registry.trained_on import left_out, original_of, write_trained_on

SIMILARITY = 0.6
CHANGES: dict[str, Any] = {
    "near_duplicates": NearDuplicateSettings(similarity=SIMILARITY),
    "split": SplitSettings(validation=0.1, test=0.4),
    "default": {"min_characters": 2, "max_characters": 1000},
}
WORDS = [f"w{letter}{other}" for letter in "abcdefgh" for other in "abcdefgh"]


def document(topic: int, version: int) -> str:
    """Words of a topic; versions of one topic differ in a word or two, and are alike."""
    words = random.Random(topic).sample(WORDS, 30)
    draw = random.Random(1000 * topic + version)
    for _ in range(version):
        words[draw.randrange(30)] = draw.choice(WORDS)
    return " ".join(words)


ROWS = st.lists(
    st.tuples(
        st.integers(0, 12),
        st.integers(0, 3),
        st.sampled_from([None, None, "g1", "g2", "g3"]),
        st.sampled_from([None, "good", "bad"]),
    ),
    min_size=4,
    max_size=30,
)


def cleaned(folder: Path, rows: list[tuple[int, int, str | None, str | None]]) -> Path:
    frame = table("s", [(document(topic, version), label, None) for topic, version, _, label in rows])
    frame = frame.with_columns(group=pl.Series([group for _, _, group, _ in rows], dtype=pl.String))
    clean_tables(folder, {"s": frame}, **CHANGES)
    return folder / "clean"


MANY: list[tuple[int, int, str | None, str | None]] = [(topic, 0, None, None) for topic in range(100, 130)]
"""With these no group is half of the source, which clean refuses."""


def documents(clean: Path) -> pl.DataFrame:
    return pl.read_parquet(clean / "documents/s.parquet")


@settings(max_examples=25)
@given(ROWS, ROWS)
def test_over_growing_data_nothing_that_is_measured_belongs_to_what_was_trained_on(
    tmp_path_factory: pytest.TempPathFactory,
    before: list[tuple[int, int, str | None, str | None]],
    more: list[tuple[int, int, str | None, str | None]],
) -> None:
    folder = tmp_path_factory.mktemp("growing")
    first, record = cleaned(folder / "first", MANY + before), folder / "trained_on.parquet"
    assert write_trained_on(record, first, {"documents": digest_tree(first)})
    second = cleaned(folder / "second", MANY + before + more)
    out = left_out(pl.read_parquet(record), second)
    now = documents(second).filter(pl.col("split") == "test")
    assert out <= set(now["id"])
    measured = now.filter(~pl.col("id").is_in(out))
    trained = documents(first).filter(pl.col("split") != "test")
    assert not set(measured["text"]) & set(trained["text"])
    assert not set(measured["group"].drop_nulls()) & set(trained["group"].drop_nulls())
    # What is still for training beside a text like it, clean itself took for another: its bands miss some.
    gone = trained.filter(~pl.col("text").is_in(documents(second).filter(pl.col("split") != "test")["text"]))
    assert similar_texts(whole(gone), whole(measured), SIMILARITY).is_empty()
    if all(group is None for _, _, group, _ in before):
        assert left_out(pl.read_parquet(record), first) == frozenset()


def test_documents_do_change_sides_and_are_left_out(tmp_path: Path) -> None:
    """Without leaving out, a champion would be measured on its training documents: counted over 8 cases."""
    moved = 0
    for seed in range(8):
        draw = random.Random(seed)
        rows = [(draw.randrange(13), draw.randrange(4), None, None) for _ in range(40)]
        first = cleaned(tmp_path / f"{seed}/first", [*rows[:20]])
        second = cleaned(tmp_path / f"{seed}/second", [*rows])
        trained = documents(first).filter(pl.col("split") != "test")
        now = documents(second).filter(pl.col("split") == "test")
        moved += similar_texts(whole(trained), whole(now), SIMILARITY)["other"].n_unique()
    assert moved > 0


def test_a_model_of_other_data_leaves_no_record(tmp_path: Path) -> None:
    clean = cleaned(tmp_path, [(n, 0, None, None) for n in range(10)])
    assert not write_trained_on(tmp_path / "x", clean, {"documents": "0" * 64})
    assert not write_trained_on(tmp_path / "x", clean, {})
    assert not write_trained_on(tmp_path / "x", tmp_path / "nowhere", {"documents": "0" * 64})
    assert not (tmp_path / "x").exists()


def test_where_texts_have_another_form_ids_count(tmp_path: Path) -> None:
    clean = cleaned(tmp_path, [(n, 0, None, None) for n in range(30)])
    test = documents(clean).filter(pl.col("split") == "test")
    known = pl.DataFrame({"id": [1], "text": [1]}, {"id": pl.UInt64, "text": pl.UInt64})
    write_trained_on(tmp_path / "x", clean, {"documents": digest_tree(clean)})
    own = pl.read_parquet(tmp_path / "x")
    assert left_out(own, clean) == left_out(known.with_columns(form=own["form"][:1]), clean) == frozenset()
    assert test.height > 3
    moved = own.with_columns(form=pl.lit("other"))
    assert left_out(moved, clean) == frozenset()  # no id of a training document is one of a test document


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("exact_duplicate", "s:a: b, c.txt:7"),
        ("near_duplicate", "s:a: b, c.txt:7, similarity 0.83"),
        ("contamination", "0.91 shared with s:a.txt:7: a passage: of text"),
    ],
)
def test_the_document_that_a_dropped_one_is_like(rule: str, value: str) -> None:
    assert original_of(rule, value) == ("s:a.txt:7" if rule == "contamination" else "s:a: b, c.txt:7")
