"""Passages: the first copy stays, later ones go whole, at the borders of characters."""

import json
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.clean.helpers import clean_rows, reasons, row
from tests.data.clean.measured import Row, document, sides, write_measured
from tokenmill.core.errors import UserError
from tokenmill.data.clean import substrings
from tokenmill.data.clean.settings import SplitSettings, SubstringSettings
from tokenmill.data.clean.substrings import later_copies, moved, pieces, remove_substrings
from tokenmill.data.documents.spans import Span, check_spans, read_spans, write_spans

MENU = "首页 | 关于我们 | 联系方式 | 版权所有 © 2020 😀"


def removed(folder: Path, rows: list[Row], least: int = 20, parts: int = 1) -> pl.DataFrame:
    corpus = write_measured(folder, rows, parts)
    return remove_substrings(corpus, *sides(corpus), SubstringSettings(min_characters=least)).drop(
        "number", "spans"
    )


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
        passages = [texts[number][begin:end] for begin, end in spans]
        before = "\0".join([*texts[:number], texts[number][: spans[-1][1] - 1]])
        assert all(passage[:least] in before for passage in passages)
        stays = pieces(texts[number], spans)
        places = [n for part in [*spans, *stays] for n in range(*part)]
        assert len(places) == len(set(places))
        assert not set("".join(texts[number][n] for n in {*range(len(texts[number]))} - {*places})) - set(
            " \n"
        )
        assert all(texts[number][begin:end].strip(" \n") == texts[number][begin:end] for begin, end in stays)


def test_spans_move_with_what_stays_and_lose_what_goes(tmp_path: Path) -> None:
    text = f"甲乙\n{MENU}\n丙丁"
    begin = text.index(MENU)
    spans = [
        Span(0, 1, "a"),
        Span(1, begin + 4, "b"),
        Span(begin, begin + 4, "c"),
        Span(begin + 9, len(text), "d"),
    ]
    spans += [Span(0, len(text), "e"), Span(len(text) - 1, len(text), "f")]
    rows = [train("a", MENU), train("b", text) | {"spans": write_spans(spans)}]
    corpus = write_measured(tmp_path, rows)
    (row,) = remove_substrings(corpus, *sides(corpus), SubstringSettings(min_characters=20)).to_dicts()
    assert row["text"] == "甲乙\n丙丁"
    parts = [(label, row["text"][begin:end]) for begin, end, label in read_spans(row["spans"])]
    assert parts == [("e", "甲乙\n丙丁"), ("a", "甲"), ("b", "乙"), ("d", "丙丁"), ("f", "丁")]


@given(TEXTS, st.integers(1, 5), st.integers(0, 11), st.integers(1, 12))
def test_a_span_keeps_the_characters_that_stay(texts: list[str], least: int, begin: int, length: int) -> None:
    for number, copies in later_copies(texts, least).items():
        text, stays = texts[number], pieces(texts[number], copies)
        if begin >= len(text):
            continue
        end = min(begin + length, len(text))
        left = "\n".join(text[first:last] for first, last in stays)
        kept = [text[max(first, begin) : min(last, end)] for first, last in stays]
        expected = "\n".join(filter(None, kept))
        found = moved([Span(begin, end, "x")], stays)
        check_spans(found, left)
        assert [left[first:last] for first, last, _ in found] == [expected][: bool(expected)]


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
    assert report["passages"]["examples"][0]["passage"].strip() == MENU
