"""What holds for any corpus."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.clean.normalize import normalize
from stages.clean.split import content_hash, split_of
from stages.params import SplitSettings
from stages.publish import digest_tree
from tests.stages.clean.helpers import COLUMNS, Row, clean_tables, row, table

# Few letters, so that copies and conflicts are common.
FEW = st.text(alphabet="ab好 \n\u3000e\u0301\u200b", max_size=6)
TEXTS = FEW | st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=8)
ROWS = st.builds(row, TEXTS, st.sampled_from([None, "x", "y"]), st.none() | TEXTS)
CORPORA = st.dictionaries(
    st.sampled_from(["a", "b", "c"]), st.lists(ROWS, max_size=12), min_size=1, max_size=3
)
KEPT = row("kept whatever else")
ANY = settings(max_examples=15, deadline=None)


def tables(corpus: dict[str, list[Row]]) -> dict[str, pl.DataFrame]:
    return {name: table(name, [*rows, KEPT]) for name, rows in corpus.items()}


@ANY
@given(corpus=CORPORA)
def test_every_document_is_in_exactly_one_place_and_no_text_is_invented(
    tmp_path_factory: pytest.TempPathFactory, corpus: dict[str, list[Row]]
) -> None:
    raw = pl.concat(tables(corpus).values())
    documents, drops = clean_tables(tmp_path_factory.mktemp("any"), tables(corpus))
    assert sorted([*documents["id"], *drops["id"]]) == raw["id"].sort().to_list()
    assert drops.select(COLUMNS).sort("id").equals(raw.join(drops, on="id", how="semi").sort("id"))
    assert drops["reasons"].list.len().min() in (None, *range(1, 10))
    expected = raw.join(documents, on="id", how="semi").with_columns(
        normalize(pl.col("text")), normalize(pl.col("target"))
    )
    assert documents.select(COLUMNS).sort("id").equals(expected.sort("id"))
    reasons = drops.explode("reasons").unnest("reasons")
    twins = reasons.filter(pl.col("rule") == "exact_duplicate").select(id="value").unique()
    assert twins.join(documents, on="id", how="anti").is_empty()


@ANY
@given(corpus=CORPORA)
def test_equal_texts_are_on_one_side_and_pairs_are_unique(
    tmp_path_factory: pytest.TempPathFactory, corpus: dict[str, list[Row]]
) -> None:
    documents, _ = clean_tables(tmp_path_factory.mktemp("any"), tables(corpus))
    assert documents.group_by("text").agg(pl.col("split").n_unique())["split"].max() == 1
    assert not documents.select("text", "target", "label").is_duplicated().any()


@ANY
@given(corpus=CORPORA)
def test_cleaning_a_clean_corpus_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, corpus: dict[str, list[Row]]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    clean_tables(folder, tables(corpus))
    before = digest_tree(folder / "clean/documents")
    again = {
        name: pl.read_parquet(folder / f"clean/documents/{name}.parquet").drop("split") for name in corpus
    }
    _, drops = clean_tables(folder, again)
    assert drops.is_empty()
    assert digest_tree(folder / "clean/documents") == before


@ANY
@given(corpus=CORPORA, random=st.randoms(use_true_random=False))
def test_the_order_of_documents_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, corpus: dict[str, list[Row]], random
) -> None:
    folder = tmp_path_factory.mktemp("any")
    results = []
    for shuffle in (False, True):
        made = tables(corpus)
        if shuffle:
            names = random.sample(sorted(made), len(made))
            made = {
                name: made[name][random.sample(range(made[name].height), made[name].height)] for name in names
            }
        clean_tables(folder, made)
        parts = ("documents", "drops", "report.json", "report.html")
        results.append([digest_tree(folder / "clean" / part) for part in parts])
    assert results[0] == results[1]


def test_the_split_is_pinned() -> None:
    """These sides follow from SHA-256 alone; a change here would move documents between training and test."""
    texts = pl.Series("text", [f"document {n}" for n in range(8)])
    hashes = content_hash(texts)
    assert hashes[0].hex() == "19e6bd2cd5bf609698c0c4a92280ad54"
    sides = sides_of(hashes, validation=0.3, test=0.3)
    assert sides == ["test", "train", "validation", "test", "train", "test", "train", "test"]


def test_shares_are_met_and_a_test_set_outlasts_other_settings() -> None:
    hashes = content_hash(pl.Series([str(n) for n in range(20_000)]))
    sides = {validation: sides_of(hashes, validation=validation, test=0.1) for validation in (0.05, 0.2)}
    for validation, side in sides.items():
        assert side.count("test") / len(side) == pytest.approx(0.1, abs=0.01)
        assert side.count("validation") / len(side) == pytest.approx(validation, abs=0.01)
    held_out = [[place == "test" for place in side] for side in sides.values()]
    assert held_out[0] == held_out[1]
    assert set(sides_of(hashes, validation=0.0, test=0.0)) == {"train"}


def sides_of(hashes: pl.Series, validation: float, test: float) -> list[str]:
    split = split_of(pl.col("hash"), SplitSettings(validation=validation, test=test))
    return hashes.to_frame("hash").select(split).to_series().to_list()
