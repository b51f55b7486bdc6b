"""Passages: the first copy stays, later ones go whole, at the borders of characters."""

import json
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmill.core.errors import UserError
from tokenmill.data.clean import substrings
from tokenmill.data.clean.substrings import cut, later_copies, remove_substrings
from tokenmill.data.clean.settings import SplitSettings, SubstringSettings
from tests.data.clean.helpers import clean_rows, reasons, row
from tests.data.clean.measured import Row, document, sides, write_measured

MENU = "首页 | 关于我们 | 联系方式 | 版权所有 © 2020 😀"


def removed(folder: Path, rows: list[Row], least: int = 20, parts: int = 1) -> pl.DataFrame:
    corpus = write_measured(folder, rows, parts)
    return remove_substrings(corpus, *sides(corpus), SubstringSettings(min_characters=least)).drop("number")


def train(id: str, text: str) -> Row:
    return document(id, text, split="train")


def test_the_first_copy_stays(tmp_path: Path) -> None:
    rows = [train("c", f"甲{MENU}乙"), train("a", f"丙。{MENU}"), train("b", f"{MENU}\n丁")]
    assert removed(tmp_path, rows, parts=2).rows() == [("b", "丁", [MENU]), ("c", "甲\n乙", [MENU])]


def test_held_out_texts_are_first_and_stay(tmp_path: Path) -> None:
    rows = [
        train("a", MENU + "one"),
        document("z", MENU, split="test"),
        document("y", MENU + "!", split="validation"),
    ]
    assert removed(tmp_path, rows).rows() == [("a", "one", [MENU])]


def test_what_is_left_empty_is_said_to_be(tmp_path: Path) -> None:
    rows = [train("a", MENU), train("b", f"{MENU}\n。"), train("c", MENU + MENU)]
    assert removed(tmp_path, rows).rows() == [("b", None, [MENU]), ("c", None, [MENU + MENU])]


def test_a_shorter_passage_stays(tmp_path: Path) -> None:
    rows = [train("a", "x" + MENU), train("b", MENU + "y")]
    assert removed(tmp_path, rows, least=len(MENU) + 1).is_empty()
    assert len(removed(tmp_path, rows, least=len(MENU))) == 1


def test_a_run_keeps_its_first_stretch() -> None:
    assert later_copies(["好" * 100], 20) == {0: [(20, 100)]}


def test_no_match_reaches_over_the_end_of_a_text() -> None:
    assert later_copies(["abcd", "efgh", "abcd", "efgh"], 6) == {}
    assert later_copies([], 6) == later_copies(["", ""], 6) == {}


def test_a_corpus_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(substrings, "MOST_CHARACTERS", 10)
    with pytest.raises(
        UserError, match=r"clean\.substrings: 32 characters .* more than the 10 .*; set it to null"
    ):
        removed(tmp_path, [train("a", MENU)])


def slowly(texts: list[str], least: int) -> dict[int, set[int]]:
    """Positions of each text that lie in a stretch that stands before."""
    first: dict[str, int] = {}
    found: dict[int, set[int]] = {}
    offset = 0
    for number, text in enumerate(texts):
        for place in range(len(text) - least + 1):
            before = first.setdefault(text[place : place + least], offset + place)
            if before + least <= offset + place:
                found.setdefault(number, set()).update(range(place, place + least))
        offset += len(text) + 1
    return found


TEXTS = st.lists(st.text(alphabet="ab好😀\n", max_size=12), max_size=6)


@given(TEXTS, st.integers(1, 5))
def test_the_same_as_one_stretch_at_a_time(texts: list[str], least: int) -> None:
    spans = later_copies(texts, least)
    places = {n: {i for begin, end in own for i in range(begin, end)} for n, own in spans.items()}
    assert places == slowly(texts, least)
    for own in spans.values():
        assert all(end - begin >= least for begin, end in own)
        assert all(a[1] < b[0] for a, b in pairwise(own))


@given(TEXTS, st.integers(1, 5))
def test_nothing_is_invented_and_nothing_is_lost(texts: list[str], least: int) -> None:
    """Each passage stands in a text before, or before itself; what is left are pieces in their order."""
    for number, spans in later_copies(texts, least).items():
        left, passages = cut(texts[number], spans)
        for (begin, end), passage in zip(spans, passages, strict=True):
            assert texts[number][begin:end] == passage
        before = "\0".join([*texts[:number], texts[number][: spans[-1][1] - 1]])
        assert all(passage[:least] in before for passage in passages)
        at = 0
        for piece in left.split("\n"):
            at = texts[number].index(piece, at) + len(piece)


def test_through_the_stage(tmp_path: Path) -> None:
    """Documents lose their passages, those that lose all are drops as they were, and the report says so."""
    rows = [row(f"{MENU} {letter}") for letter in "abcdefghijkl"] + [row(MENU + "!")]
    loose = {"substrings": SubstringSettings(min_characters=20), "split": SplitSettings(validation=0, test=0)}
    documents, drops = clean_rows(tmp_path, rows, default={}, **loose)
    assert documents["text"].to_list() == [f"{MENU} a", *"bcdefghijkl"]
    assert drops.select("id", "text").rows() == [("s:013", MENU + "!")]
    assert reasons(drops) == {"s:013": [("duplicate_passages", MENU)]}
    report = json.loads((tmp_path / "clean/report.json").read_text("utf-8"))
    assert report["passages"]["documents"] == 12
    assert report["total"]["characters"] == documents["text"].str.len_chars().sum()
    assert MENU in (tmp_path / "clean/report.html").read_text("utf-8")
