"""Selection: what the user calls bad goes, and the report says how well that was learnt."""

import json
import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.data.clean.helpers import clean_rows, reasons, row
from tests.data.clean.measured import document, every, write_measured
from tokenmill.core.errors import UserError
from tokenmill.data.clean.corpus import Corpus
from tokenmill.data.clean.selection import LEAST, Selection, features, select
from tokenmill.data.clean.settings import SelectionSettings

GOOD = ["the", "committee", "report", "on", "rivers", "and", "lakes", "委员会", "发表", "年度", "报告"]
BAD = ["buy", "cheap", "watches", "now", "click", "here", "点击", "免费", "送货", "上门", "最低价"]


def texts(words: list[str], count: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    return [f"{' '.join(chance.choices(words, k=12))} {n}" for n in range(count)]


def sample(folder: Path, words: list[str], count: int = 80, seed: int = 1) -> Corpus:
    """Measured texts of these words."""
    rows = [document(f"{n}", text) for n, text in enumerate(texts(words, count, seed))]
    return write_measured(folder / f"{words[0]}-{seed}", rows)


def by_id(corpus: Corpus, selection: Selection) -> dict[str, float]:
    ids = corpus.table(["id"], every(corpus))["id"]
    return dict(zip(ids, selection.scores.tolist(), strict=True))


def test_good_and_bad_are_told_apart(tmp_path: Path) -> None:
    rows = [document(f"g{n}", text) for n, text in enumerate(texts(GOOD, 20, 3))]
    rows += [document(f"b{n}", text) for n, text in enumerate(texts(BAD, 20, 4))]
    corpus = write_measured(tmp_path / "measured", rows, parts=3)
    selection = select(corpus, every(corpus), sample(tmp_path, GOOD), sample(tmp_path, BAD))
    assert selection.report == {"good": 80, "bad": 80, "accuracy": 1.0}
    scores = by_id(corpus, selection)
    assert min(score for id_, score in scores.items() if id_.startswith("g")) > 0.5
    assert max(score for id_, score in scores.items() if id_.startswith("b")) < 0.5


def test_what_cannot_be_told_apart_is_reported_as_that(tmp_path: Path) -> None:
    corpus = write_measured(tmp_path / "measured", [document("a", "rivers")])
    selection = select(corpus, every(corpus), sample(tmp_path, GOOD), sample(tmp_path, GOOD, seed=5))
    assert 0.3 < selection.report["accuracy"] < 0.7


def test_scores_do_not_depend_on_order_or_parts(tmp_path: Path) -> None:
    rows = [document(f"{n}", text) for n, text in enumerate(texts(GOOD + BAD, 30, 6))]
    samples = sample(tmp_path, GOOD), sample(tmp_path, BAD)
    tables = []
    for name, own, parts in (("a", rows, 1), ("b", rows[::-1], 4)):
        corpus = write_measured(tmp_path / name, own, parts)
        tables.append(by_id(corpus, select(corpus, every(corpus), *samples)))
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
    with pytest.raises(
        UserError, match=rf"clean\.selection: 9 different texts of sources with `role: good` .*{LEAST}"
    ):
        select(corpus, every(corpus), sample(tmp_path, GOOD, count=9), sample(tmp_path, BAD))


@pytest.mark.parametrize("missing", ["good", "bad"])
def test_a_sample_that_no_source_has(tmp_path: Path, missing: str) -> None:
    words = {"good": GOOD, "bad": BAD}
    rows = {name: [row(text) for text in texts(own, 80, 1)] for name, own in words.items() if name != missing}
    chosen = {"roles": {name: name for name in rows}, "selection": SelectionSettings(min_score=0.5)}
    with pytest.raises(
        UserError, match=f"params.yaml: clean.selection .* add a source with `role: {missing}`"
    ):
        clean_rows(tmp_path, {"s": [row("rivers")]} | rows, **chosen)


def test_through_the_stage(tmp_path: Path) -> None:
    rows = {
        "s": [row(text) for text in [*texts(GOOD, 15, 3), *texts(BAD, 5, 4)]],
        "well-written": [row(text) for text in texts(GOOD, 80, 1)],
        "spam": [row(text) for text in texts(BAD, 80, 2)],
    }
    chosen = {
        "roles": {"well-written": "good", "spam": "bad"},
        "selection": SelectionSettings(min_score=0.5),
        "default": {},
    }
    documents, drops = clean_rows(tmp_path, rows, **chosen)
    assert len(documents) == 15
    assert drops["id"].to_list() == [f"s:{n:03d}" for n in range(16, 21)]
    assert {rule for own in reasons(drops).values() for rule, _ in own} == {"low_score"}
    assert all(float(value) < 0.5 for own in reasons(drops).values() for _, value in own)
    report = json.loads((tmp_path / "clean/report.json").read_text("utf-8"))
    assert report["selection"] == {"good": 80, "bad": 80, "accuracy": 1.0}
    assert report["roles"] == {"test": {}, "good": {"well-written": 80}, "bad": {"spam": 80}}
