"""Groups and folds: what is in one comes to one split, and what cannot be split is said."""

import json
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.clean.helpers import clean_tables, row, table
from tests.data.clean.test_contamination import some
from tests.data.clean.test_split import split
from tokenmill.core.errors import UserError
from tokenmill.core.splits import SPLITS
from tokenmill.data.clean.settings import ContaminationSettings, NearDuplicateSettings, SplitSettings

HALVES = SplitSettings(validation=0.25, test=0.25)


def grouped(groups: dict[str, int], source: str = "s", **columns: str | None) -> pl.DataFrame:
    """So many documents of each group."""
    rows = [(f"{source} {group} {n}", source, group) for group, size in groups.items() for n in range(size)]
    frame = pl.DataFrame(rows, dict.fromkeys(("text", "source", "group"), pl.String), orient="row")
    return frame.with_columns(**{name: pl.lit(value, pl.String) for name, value in columns.items()})


GROUPS = st.dictionaries(st.sampled_from("abcdefghij"), st.integers(1, 6), max_size=10)


@given(GROUPS, GROUPS, st.sampled_from([None, "good"]), st.randoms(use_true_random=False))
def test_a_group_of_a_source_is_on_one_side_and_other_sources_move_nothing(
    one: dict[str, int], other: dict[str, int], label: str | None, random
) -> None:
    frame = grouped(one, label=label)
    more = pl.concat(
        [
            grouped(other, "t", label="good"),
            grouped({"x": 3}, "u").with_columns(group=pl.lit(None, pl.String), label=pl.lit(None, pl.String)),
        ]
    )
    sides = split(frame, HALVES)
    assert {
        id_: side for id_, side in split(pl.concat([frame, more]), HALVES).items() if id_ in sides
    } == sides
    for group in one:
        assert len({side for id_, side in sides.items() if id_.startswith(f"s {group} ")}) == 1
    shuffled = frame[random.sample(range(frame.height), frame.height)]
    assert split(shuffled, HALVES) == sides


@pytest.mark.parametrize("label", [None, "good"])
def test_each_side_has_its_share_of_the_documents_of_many_groups(label: str | None) -> None:
    frame = grouped({f"g{n}": 1 + n % 7 for n in range(400)}, label=label)
    counts = Counter(split(frame, SplitSettings(validation=0.05, test=0.1)).values())
    assert counts["test"] == pytest.approx(0.1 * frame.height, abs=7)
    assert counts["validation"] == pytest.approx(0.05 * frame.height, abs=7)


@given(st.integers(1, 300))
def test_a_group_of_more_than_half_is_for_training(others: int) -> None:
    sides = split(grouped({"most": 301} | {f"g{n}": 1 for n in range(others)}))
    assert {side for id_, side in sides.items() if id_.startswith("s most")} == {"train"}


def test_equal_texts_and_clusters_connect_groups() -> None:
    frame = grouped({"a": 2, "b": 2, "c": 2, "d": 2})
    frame = frame.with_columns(id=pl.col("text"), text=pl.col("text").replace({"s b 0": "s a 0"}))
    for share in (0.1, 0.3, 0.5, 0.7):
        sides = split(frame, SplitSettings(validation=0, test=share), {"s b 1": "k", "s c 1": "k"})
        assert len({sides[f"s {group} {n}"] for group in "abc" for n in range(2)}) == 1


FOLDS = st.lists(
    st.tuples(st.sampled_from([*SPLITS, None]), st.sampled_from(["a", "b", "c", None])), max_size=20
)


@given(FOLDS)
def test_folds_decide_and_of_several_the_one_that_is_held_out(
    rows: list[tuple[str | None, str | None]],
) -> None:
    frame = pl.DataFrame(
        [(f"text {n}", "s", fold, group) for n, (fold, group) in enumerate(rows)],
        dict.fromkeys(("text", "source", "fold", "group"), pl.String),
        orient="row",
    )
    sides = split(frame, HALVES)
    for n, (fold, group) in enumerate(rows):
        folds = {f for f, g in rows if f and g == group} if group else {fold} - {None}
        if folds:
            assert sides[f"text {n}"] == next(f for f in ("test", "validation", "train") if f in folds)


def raw(groups: dict[str, int], **columns: str) -> pl.DataFrame:
    frame = grouped(groups)
    rows = table("s", [row(text) for text in frame["text"]])
    return rows.with_columns(group=frame["group"], **{name: pl.lit(value) for name, value in columns.items()})


def test_what_groups_there_are_stands_in_the_report(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    documents, _ = clean_tables(
        tmp_path, {"s": raw({"a": 6, "b": 1, "c": 2, "d": 1}), "t": table("t", [row("other")])}
    )
    assert documents.filter(pl.col("group").is_not_null()).height == 10
    report = json.loads((tmp_path / "clean/report.json").read_text("utf-8"))
    assert report["groups"] == {
        "s": {"groups": 4, "documents": 10, "name": "a", "largest": 6, "connected": 1}
    }
    note = "s: group 'a' has 6 of 10 documents, and is in one split, for training"
    assert note in report["notes"] and f"{note}\n" in capsys.readouterr().out


def test_groups_are_those_of_the_documents_that_stay(tmp_path: Path) -> None:
    """Contamination drops after the split, which knows the groups of all."""
    rows = table("s", [row(some(1, 14)), row(f"{some(1, 14)} {some(2, 2)}"), row("a text of its own")])
    frame = rows.with_columns(group=pl.Series(["a", "b", "c"]), fold=pl.Series(["test", "train", "train"]))
    documents, _ = clean_tables(
        tmp_path,
        {"s": frame},
        default={"min_characters": 2, "max_characters": 100},
        contamination=ContaminationSettings(max_share=0.8),
    )
    assert sorted(documents["group"]) == ["a", "c"]
    report = json.loads((tmp_path / "clean/report.json").read_text("utf-8"))
    assert (report["groups"]["s"]["groups"], report["groups"]["s"]["documents"]) == (2, 2)


def test_a_group_that_leaves_nothing_to_hold_out_is_refused(tmp_path: Path) -> None:
    message = (
        r"clean\.split: sources\.s has nothing for (validation|test): group 'a' has 18 of 20 documents, and "
        r"comes to one split; name a finer `group`, or a `fold`, under `columns` of the source"
    )
    with pytest.raises(UserError, match=message):
        clean_tables(tmp_path, {"s": raw({"a": 18, "b": 2})})
    documents, _ = clean_tables(tmp_path, {"s": raw({"a": 18, "b": 2}, fold="train")})
    assert set(documents["split"]) == {"train"}


def test_too_few_groups_are_said(tmp_path: Path) -> None:
    clean_tables(tmp_path, {"s": raw({"a": 5, "b": 5})})
    notes = json.loads((tmp_path / "clean/report.json").read_text("utf-8"))["notes"]
    assert notes == ["s: nothing is for validation; 2 groups are too few, group 'a' has 5 of 10 documents"]


def test_rules_hold_across_folds(tmp_path: Path) -> None:
    """Of copies in several folds the one that is held out stays."""
    long = "one two three four five six seven eight nine ten eleven twelve"
    rows = table(
        "s",
        [
            row("same text"),
            row("same text"),
            row(f"{long} a b c"),
            row(f"{long} a b"),
            row("x y"),
            row("other"),
        ],
    )
    folds = ["train", "test", "train", "validation", None, "train"]
    rows = rows.with_columns(fold=pl.Series(folds, dtype=pl.String))
    loose = {"default": {}, "near_duplicates": NearDuplicateSettings(similarity=0.5, bands=28)}
    documents, drops = clean_tables(tmp_path, {"s": rows}, **loose)
    assert dict(documents.select("id", "split").iter_rows()) | {"s:005": ""} == {
        "s:002": "test", "s:004": "validation", "s:005": "", "s:006": "train"
    }  # fmt: skip
    assert sorted(drops["id"]) == ["s:001", "s:003"]


def test_documents_that_leave_their_fold_are_said(tmp_path: Path) -> None:
    rows = table("s", [row("same text", "x"), row("same text", "x", "target"), row("more")])
    rows = rows.with_columns(fold=pl.Series(["train", "test", "train"]))
    documents, _ = clean_tables(tmp_path, {"s": rows})
    assert documents["split"].to_list() == ["test", "test", "train"]
    notes = json.loads((tmp_path / "clean/report.json").read_text("utf-8"))["notes"]
    assert notes == [
        "s: 1 documents are held out although their fold is another, for a text like theirs, or one of their "
        "group, is held out"
    ]
