"""Near-duplicates: all that are there, nothing that is not, whatever the order."""

import random
import re
from itertools import combinations
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenmill.data.clean import candidates, near_duplicates
from tokenmill.data.shingles.signatures import SIZE
from tokenmill.data.clean.settings import NearDuplicateSettings
from tests.data.clean.measured import Row, document, every, write_measured

NEAR = 0.8


def found(folder: Path, rows: list[Row], similarity: float = NEAR, parts: int = 1) -> pl.DataFrame:
    corpus = write_measured(folder, rows, parts)
    return near_duplicates.near_duplicates(
        corpus, every(corpus), NearDuplicateSettings(similarity=similarity)
    )


def kept(frame: pl.DataFrame) -> dict[str, str]:
    """For each document that goes the one that stays."""
    return dict(frame.filter(pl.col("id") != pl.col("kept_id")).select("id", "kept_id").iter_rows())


def words(chance: random.Random, count: int) -> list[str]:
    return ["".join(chance.choices("abcdefghij", k=4)) for _ in range(count)]


def made(chance: random.Random, texts: int, copies: int) -> list[Row]:
    """Texts of 60 words, each with copies that differ from it in up to 4 places."""
    rows = []
    for n in range(texts):
        base = words(chance, 60)
        for copy in range(copies):
            changed = list(base)
            for place in chance.sample(range(60), chance.randrange(5) if copy else 0):
                changed[place] = words(chance, 1)[0]
            rows.append(document(f"{n:03d}-{copy}", " ".join(changed) + "." * copy))
    chance.shuffle(rows)
    return rows


def shingled(text: str) -> set[tuple[str, ...]]:
    units = text.rstrip(".").split()
    return {tuple(units[i : i + 5]) for i in range(len(units) - 4)}


def jaccard(a: str, b: str) -> float:
    left, right = shingled(a), shingled(b)
    return len(left & right) / len(left | right)


def test_against_all_pairs(tmp_path: Path) -> None:
    """No document goes without a true near-duplicate that stays; next to none that should go stays."""
    rows = made(random.Random(1), texts=60, copies=5)
    text = {str(row["id"]): str(row["text"]) for row in rows}
    frame = found(tmp_path, rows, parts=3)
    gone = kept(frame)
    for row in frame.iter_rows(named=True):
        assert row["similarity"] == pytest.approx(jaccard(text[row["id"]], text[row["kept_id"]]), abs=1e-12)
        assert row["similarity"] >= NEAR
        assert row["kept_id"] not in gone
    pairs = [pair for pair in combinations(text, 2) if jaccard(text[pair[0]], text[pair[1]]) >= NEAR]
    left = [pair for pair in pairs if pair[0] not in gone and pair[1] not in gone]
    assert len(pairs) > 100
    assert len(left) <= 0.08 * len(pairs)  # 1 - P(0.8): the pairs right at the threshold


def test_the_curve_of_the_documentation() -> None:
    rows = re.findall(r"^ +(s|\d+ x \d+) +(.*)$", str(candidates.__doc__), re.MULTILINE)
    table = {name: [float(number) for number in numbers.split()] for name, numbers in rows}
    similarities = table.pop("s")
    assert list(table) == ["7 x 16", "14 x 8", "28 x 4"]
    for name, shares in table.items():
        bands, size = map(int, name.split(" x "))
        assert bands * size == SIZE
        assert shares == pytest.approx([1 - (1 - s**size) ** bands for s in similarities], abs=0.006)


def test_more_bands_find_less_similar_pairs(tmp_path: Path) -> None:
    rows = made(random.Random(2), texts=20, copies=2)
    for row in rows:
        row["text"] = str(row["text"]).rsplit(" ", 25)[0] + " ".join(words(random.Random(str(row["id"])), 25))
    counts = {}
    for bands in (7, 14, 28):
        corpus = write_measured(tmp_path, rows)
        settings = NearDuplicateSettings(similarity=0.25, bands=bands)
        counts[bands] = len(near_duplicates.near_duplicates(corpus, every(corpus), settings))
    assert counts[7] < counts[28] and counts[7] <= counts[14] <= counts[28]


TEXT = "one two three four five six seven eight nine ten"


def test_the_longest_stays_then_the_first_by_id(tmp_path: Path) -> None:
    rows = [
        document("b", TEXT),
        document("a", TEXT.upper()),
        document("c", TEXT + "!"),
        document("d", TEXT + "?"),
    ]
    frame = found(tmp_path, rows)
    assert kept(frame) == {"a": "c", "b": "c", "d": "c"}
    assert frame["similarity"].to_list() == [1.0] * 4
    assert frame["cluster"].unique().to_list() == ["c"]
    assert frame["id"].to_list() == ["a", "b", "c", "d"]


def test_a_label_is_worth_more_than_length(tmp_path: Path) -> None:
    rows = [document("a", TEXT + "!!"), document("b", TEXT, "good"), document("c", TEXT + "!", "good")]
    assert kept(found(tmp_path, rows)) == {"a": "c", "b": "c"}


def test_different_labels_are_different_documents_of_one_cluster(tmp_path: Path) -> None:
    rows = [document("a", TEXT, "good"), document("b", TEXT + "!", "bad"), document("c", TEXT + "?", "good")]
    frame = found(tmp_path, rows)
    assert kept(frame) == {"a": "c"}
    assert frame["cluster"].unique().to_list() == ["b"]


def test_the_other_side_of_a_pair_counts(tmp_path: Path) -> None:
    rows = [
        document("a", TEXT, target="甲乙丙丁戊己庚辛壬癸"),
        document("b", TEXT + ".", target="子丑寅卯辰巳午未申酉"),
    ]
    assert found(tmp_path, rows).is_empty()
    assert kept(found(tmp_path, rows, similarity=0.2)) in ({}, {"a": "b"})


def test_of_a_chain_only_what_is_like_the_kept_one_goes(tmp_path: Path) -> None:
    """The middle one is the longest, so its neighbours go; when an end is, the other end stays."""
    text = [f"w{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(100)]
    a, b, c = " ".join(text[:88]), " ".join(text[6:94]), " ".join(text[12:])
    assert jaccard(a, b) >= NEAR > jaccard(a, c)
    assert kept(found(tmp_path / "1", [document("a", a), document("b", b + "."), document("c", c)])) == {
        "a": "b",
        "c": "b",
    }
    frame = found(tmp_path / "2", [document("a", a + "."), document("b", b), document("c", c)])
    assert kept(frame) == {"b": "a"}
    assert frame["cluster"].to_list() == ["a"] * 3


def test_short_texts_have_none(tmp_path: Path) -> None:
    assert found(
        tmp_path, [document("a", "one two"), document("b", "One, two"), document("c", "")]
    ).is_empty()


def test_no_documents_at_all(tmp_path: Path) -> None:
    frame = found(tmp_path, [])
    assert frame.schema == {
        "number": pl.Int64,
        "id": pl.String,
        "kept_id": pl.String,
        "similarity": pl.Float64,
        "cluster": pl.String,
    }


def test_many_copies_of_one_text_all_go(tmp_path: Path) -> None:
    rows = [document(f"{n:03d}", f"{TEXT} {'!' * (n % 7)}") for n in range(200)]
    frame = found(tmp_path, rows)
    assert len(kept(frame)) == 199
    assert frame["cluster"].n_unique() == 1


FEW = st.lists(st.sampled_from("abcd"), min_size=4, max_size=9).map(" ".join)


@settings(max_examples=25, deadline=None)
@given(
    texts=st.lists(st.tuples(FEW, st.sampled_from([None, "x", "y"])), max_size=12),
    chance=st.randoms(use_true_random=False),
    parts=st.integers(1, 3),
)
def test_neither_order_nor_parts_nor_blocks_matter(
    tmp_path_factory: pytest.TempPathFactory,
    texts: list[tuple[str, str | None]],
    chance: random.Random,
    parts: int,
) -> None:
    rows = [document(f"{n:02d}", text, label) for n, (text, label) in enumerate(texts)]
    first = found(tmp_path_factory.mktemp("a"), rows)
    shuffled = chance.sample(rows, len(rows))
    sizes = near_duplicates.BLOCK_BYTES, near_duplicates.PORTION
    near_duplicates.BLOCK_BYTES = near_duplicates.PORTION = 20
    try:
        again = found(tmp_path_factory.mktemp("b"), shuffled, parts=parts)
        assert again.drop("number").equals(first.drop("number"))
    finally:
        near_duplicates.BLOCK_BYTES, near_duplicates.PORTION = sizes
    gone = kept(first)
    assert not set(gone.values()) & set(gone)
    labels = {str(row["id"]): row["label"] for row in rows}
    assert all(None in (labels[a], labels[b]) or labels[a] == labels[b] for a, b in gone.items())
