"""The split: what stays together, the shares of each label, and how little moves when documents come."""

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmill.core.splits import SPLITS
from tokenmill.data.clean.apply_rules import apply_rules
from tokenmill.data.clean.corpus import Corpus
from tokenmill.data.clean.settings import SplitSettings
from tokenmill.data.clean.split import assign_splits
from tokenmill.data.measure.part import content_hash

SHARES = SplitSettings(validation=0.05, test=0.1)
Documents = list[tuple[str, str | None]]
"""Text and label; the id is the text."""


def sides(
    documents: Documents, shares: SplitSettings = SHARES, clusters: dict[str, str] | None = None
) -> dict[str, str]:
    """The split by id."""
    frame = pl.DataFrame(documents, {"text": pl.String, "label": pl.String}, orient="row")
    return split(frame.with_columns(source=pl.lit("s")), shares, clusters)


def split(
    frame: pl.DataFrame, shares: SplitSettings = SHARES, clusters: dict[str, str] | None = None
) -> dict[str, str]:
    """The split by id of documents with text, source and any of id (the text), label, group and fold;
    ``clusters`` by id."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "s").mkdir()
        missing = {"label", "group", "fold", "id"} - {*frame.columns}
        frame = frame.with_columns(**dict.fromkeys(missing, pl.lit(None, pl.String)))
        frame = frame.with_columns(
            pl.coalesce("id", "text").alias("id"), text_hash=content_hash(frame["text"])
        )
        frame.write_parquet(Path(folder) / "s/000000.parquet")
        corpus = Corpus.of(Path(folder), ["s"])
        numbers = np.arange(len(corpus))
        named = clusters or {}
        linked = [(number, named[id_]) for number, id_ in enumerate(frame["id"]) if id_ in named]
        table = pl.DataFrame(linked, {"number": pl.Int64, "cluster": pl.String}, orient="row")
        chosen = assign_splits(corpus, numbers, apply_rules(corpus, {}), table, shares).split
    return {id_: SPLITS[side] for id_, side in zip(frame["id"], chosen.tolist(), strict=True)}


def texts(count: int, label: str | None = None, prefix: str = "") -> Documents:
    return [(f"{prefix}{label}-{n}", label) for n in range(count)]


@given(
    st.dictionaries(st.sampled_from(["good", "bad", "odd"]), st.integers(1, 300), min_size=1),
    st.floats(0, 0.4),
    st.floats(0, 0.4),
)
def test_each_side_has_its_share_of_every_label(
    sizes: dict[str, int], validation: float, test: float
) -> None:
    shares = SplitSettings(validation=validation, test=test)
    split = sides([row for label, size in sizes.items() for row in texts(size, label)], shares)
    for label, size in sizes.items():
        counts = Counter(side for id_, side in split.items() if id_.startswith(f"{label}-"))
        assert counts["test"] == pytest.approx(test * size, abs=0.51)
        assert counts["test"] + counts["validation"] == pytest.approx((test + validation) * size, abs=0.51)


def test_labels_that_are_many_numbers_come_to_all_sides_and_few_are_classes() -> None:
    numbered = [(f"text {n}", f"{n / 7:.3f}") for n in range(400)]
    split = Counter(sides(numbered).values())
    assert 20 < split["test"] < 60 and 5 < split["validation"] < 40
    assert sides(numbered) == sides([(text, None) for text, _ in numbered])
    classes = [(f"text {n}", str(n % 5)) for n in range(400)]
    assert Counter(sides(classes).values())["test"] == 40


def test_texts_without_labels_never_move() -> None:
    before = sides(texts(500))
    after = sides(texts(500) + texts(300, None, "more") + texts(300, "good"))
    assert {id_: after[id_] for id_ in before} == before


def test_few_labelled_texts_move_when_others_come() -> None:
    """A fifth more documents of a label, and less than one in a hundred changes its side."""
    before = sides(texts(5000, "good"))
    after = sides(texts(5000, "good") + texts(1000, "good", "more"))
    assert sum(after[id_] != side for id_, side in before.items()) < 50
    other = sides(texts(5000, "good") + texts(1000, "bad"))
    assert {id_: other[id_] for id_ in before} == before


@pytest.mark.parametrize("label", [None, "good"])
def test_another_share_for_validation_leaves_the_test_set(label: str | None) -> None:
    one, other = (sides(texts(2000, label), SplitSettings(validation=v, test=0.1)) for v in (0.05, 0.3))
    assert [side == "test" for side in one.values()] == [side == "test" for side in other.values()]


@given(st.lists(st.tuples(st.integers(0, 39), st.integers(0, 5)), max_size=60), st.booleans())
def test_a_cluster_is_on_one_side(pairs: list[tuple[int, int]], labelled: bool) -> None:
    documents = [(f"text {n}", ("good", "bad")[n % 2] if labelled else None) for n in range(40)]
    clusters = {f"text {n}": f"cluster {c}" for n, c in pairs}
    split = sides(documents, SplitSettings(validation=0.3, test=0.3), clusters)
    for cluster in set(clusters.values()):
        assert len({split[id_] for id_, own in clusters.items() if own == cluster}) == 1
    alone = sides(documents, SplitSettings(validation=0.3, test=0.3))
    if not labelled:
        assert all(split[id_] == alone[id_] for id_ in split if id_ not in clusters)


def test_a_cluster_of_one_text_in_two_sources_holds_all_its_copies() -> None:
    frame = pl.DataFrame({"id": ["a", "b", "c"], "text": ["x", "x", "y"], "source": ["s", "t", "s"]})
    frame = frame.with_columns(label=pl.lit(None, pl.String))
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        found = split(frame, SplitSettings(validation=0.0, test=share), {"b": "b", "c": "b"})
        assert len(set(found.values())) == 1


@given(st.randoms(use_true_random=False))
def test_the_order_does_not_matter(chance) -> None:
    documents = texts(60, "good") + texts(60, "bad") + texts(60)
    clusters = {"good-1": "c", "bad-1": "c", "None-1": "c"}
    shuffled = chance.sample(documents, len(documents))
    assert sides(shuffled, clusters=clusters) == sides(documents, clusters=clusters)


def test_no_documents() -> None:
    assert sides([]) == {}
