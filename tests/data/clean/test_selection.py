"""Selection: what the user calls bad goes, and the report says how well that was learnt."""

import json
import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tokenmill.core.errors import UserError
from tokenmill.data.clean.corpus import Corpus
from tokenmill.data.clean.selection import LEAST, Selection, features, select
from tokenmill.data.clean.settings import SelectionSettings
from tests.data.clean.helpers import clean_rows, reasons, row
from tests.data.clean.measured import document, every, write_measured

GOOD = ["the", "committee", "report", "on", "rivers", "and", "lakes", "委员会", "发表", "年度", "报告"]
BAD = ["buy", "cheap", "watches", "now", "click", "here", "点击", "免费", "送货", "上门", "最低价"]


def texts(words: list[str], count: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    return [f"{' '.join(chance.choices(words, k=12))} {n}" for n in range(count)]


def files(folder: Path, count: int = 80) -> SelectionSettings:
    folder.mkdir(exist_ok=True)
    (folder / "good.txt").write_text("\n".join(texts(GOOD, count, 1)), "utf-8")
    lines = (json.dumps({"text": text}) for text in texts(BAD, count, 2))
    (folder / "bad.jsonl").write_text("\n".join(lines), "utf-8")
    return SelectionSettings(good=["good.txt"], bad=["bad.jsonl"], min_score=0.5)


def by_id(corpus: Corpus, selection: Selection) -> dict[str, float]:
    ids = corpus.table(["id"], every(corpus))["id"]
    return dict(zip(ids, selection.scores.tolist(), strict=True))


def test_good_and_bad_are_told_apart(tmp_path: Path) -> None:
    rows = [document(f"g{n}", text) for n, text in enumerate(texts(GOOD, 20, 3))]
    rows += [document(f"b{n}", text) for n, text in enumerate(texts(BAD, 20, 4))]
    corpus = write_measured(tmp_path / "measured", rows, parts=3)
    selection = select(corpus, every(corpus), files(tmp_path / "files"), tmp_path / "files")
    assert selection.report == {"good": 80, "bad": 80, "accuracy": 1.0}
    scores = by_id(corpus, selection)
    assert min(score for id_, score in scores.items() if id_.startswith("g")) > 0.5
    assert max(score for id_, score in scores.items() if id_.startswith("b")) < 0.5


def test_what_cannot_be_told_apart_is_reported_as_that(tmp_path: Path) -> None:
    chosen = files(tmp_path / "files")
    (tmp_path / "files/bad.jsonl").write_text(
        "\n".join(json.dumps({"text": text}) for text in texts(GOOD, 80, 5)), "utf-8"
    )
    corpus = write_measured(tmp_path / "measured", [document("a", "rivers")])
    selection = select(corpus, every(corpus), chosen, tmp_path / "files")
    assert 0.3 < selection.report["accuracy"] < 0.7


def test_scores_do_not_depend_on_order_or_parts(tmp_path: Path) -> None:
    rows = [document(f"{n}", text) for n, text in enumerate(texts(GOOD + BAD, 30, 6))]
    chosen = files(tmp_path / "files")
    tables = []
    for name, own, parts in (("a", rows, 1), ("b", rows[::-1], 4)):
        corpus = write_measured(tmp_path / name, own, parts)
        tables.append(by_id(corpus, select(corpus, every(corpus), chosen, tmp_path / "files")))
    assert tables[0] == tables[1]


def test_features_are_counts_of_units_and_pairs_of_length_one() -> None:
    table = features(pl.Series(["a b a b", "", "，", "甲乙"])).toarray()
    assert np.count_nonzero(table, axis=1).tolist() == [4, 0, 0, 3]  # a, b, a b, b a; 甲, 乙, 甲乙
    assert np.linalg.norm(table, axis=1) == pytest.approx([1, 0, 0, 1])
    assert sorted(set(table[0].round(6).tolist())) == [
        0.0,
        *sorted({round((n / 7) ** 0.5, 6) for n in (1, 2)}),
    ]


def test_too_few_texts(tmp_path: Path) -> None:
    corpus = write_measured(tmp_path / "measured", [document("a", "rivers")])
    with pytest.raises(UserError, match=rf"clean\.selection\.good: 9 different texts are too few .*{LEAST}"):
        select(corpus, every(corpus), files(tmp_path / "files", count=9), tmp_path / "files")


def test_a_missing_file(tmp_path: Path) -> None:
    corpus = write_measured(tmp_path / "measured", [document("a", "rivers")])
    chosen = files(tmp_path / "files")
    (tmp_path / "files/bad.jsonl").unlink()
    with pytest.raises(
        UserError, match=r"params\.yaml: clean\.selection\.bad: .*bad\.jsonl is no file; mend"
    ):
        select(corpus, every(corpus), chosen, tmp_path / "files")


def test_through_the_stage(tmp_path: Path) -> None:
    rows = [row(text) for text in [*texts(GOOD, 15, 3), *texts(BAD, 5, 4)]]
    documents, drops = clean_rows(tmp_path, rows, default={}, selection=files(tmp_path / "sources"))
    assert len(documents) == 15
    assert drops["id"].to_list() == [f"s:{n:03d}" for n in range(16, 21)]
    assert {rule for own in reasons(drops).values() for rule, _ in own} == {"low_score"}
    assert all(float(value) < 0.5 for own in reasons(drops).values() for _, value in own)
    report = json.loads((tmp_path / "clean/report.json").read_text("utf-8"))
    assert report["selection"] == {"good": 80, "bad": 80, "accuracy": 1.0}
    assert "80 good and 80 bad texts" in (tmp_path / "clean/report.html").read_text("utf-8")
