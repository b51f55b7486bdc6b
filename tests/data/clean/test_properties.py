"""What holds for any corpus."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.clean.helpers import COLUMNS, STEPS, Row, clean_tables, row, table
from tokenmill.core.files import digest_tree
from tokenmill.data.measure.normalize import normalize

# Few letters, so that copies and conflicts are common.
FEW = st.text(alphabet="ab好 \n\u3000e\u0301\u200b", max_size=6)
TEXTS = FEW | st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=8)
ROWS = st.builds(row, TEXTS, st.sampled_from([None, "x", "y"]), st.none() | TEXTS)
CORPORA = st.dictionaries(
    st.sampled_from(["a", "b", "c"]), st.lists(ROWS, max_size=12), min_size=1, max_size=3
)
KEPT = row("kept whatever else")
ANY = settings(max_examples=15)


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
    assert drops["reasons"].list.len().min() in (None, *range(1, 10))
    expected = raw.with_columns(normalize(raw["text"], STEPS), normalize(raw["target"], STEPS))
    for part in (documents, drops):
        same = expected.join(part, on="id", how="semi").drop("language", "fold")
        assert part.select(COLUMNS).drop("language").sort("id").equals(same.sort("id"))
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
        name: pl.read_parquet(folder / f"clean/documents/{name}.parquet").select(
            *COLUMNS, fold=pl.lit(None, pl.String)
        )
        for name in corpus
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
        documents, drops = clean_tables(folder, made)
        # Documents stand in the order of their source; what is decided about each does not depend on it.
        tables_of = [frame.sort("id").to_dicts() for frame in (documents, drops)]
        results.append([*tables_of, (folder / "clean/report.json").read_bytes()])
    assert results[0] == results[1]


def test_the_order_of_files_does_not_change_a_byte(tmp_path: Path) -> None:
    rows = {name: [row(f"{name} {n}") for n in range(9)] for name in "abc"}
    digests = []
    for names in ("abc", "cab"):
        clean_tables(tmp_path, {name: table(name, rows[name]) for name in names})
        digests.append(digest_tree(tmp_path / "clean"))
    assert digests[0] == digests[1]
