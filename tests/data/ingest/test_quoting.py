"""Whether a quotation mark is text is told from the whole file, said, and can be set."""

import json
from pathlib import Path

import pytest

from tests.data.ingest.helpers import read_source

LABEL = {"label": "label"}


def notes(folder: Path) -> list[str]:
    """What ingest said about the source."""
    entry = json.loads((folder / "raw/manifest.json").read_text("utf-8"))["sources"]["mine"]
    found: list[str] = entry.get("notes", [])
    return found


def table(rows: list[tuple[str, str]], delimiter: str = "\t") -> str:
    """Rows below a header, written as they are."""
    return "".join(f"{label}{delimiter}{text}\n" for label, text in [("label", "text"), *rows])


MERGING = [
    ("a", "first"),
    ("b", '"begins with one'),
    ("a", "between"),
    ("b", 'ends with one"'),
    ("a", "last"),
]
OPEN = [("a", f"text {n}") for n in range(50)] + [("b", '"never closed'), ("b", '"closed" and more')]
ALL = [("a", '"all of it"'), ("b", "other"), ("b", 'a "word" of it')]


@pytest.mark.parametrize("rows", [MERGING, OPEN], ids=["merging", "open"])
def test_texts_that_begin_with_a_mark(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    documents, rejects = read_source(tmp_path, {"a.tsv": table(rows)}, columns=LABEL)
    assert documents.select("label", "text").rows() == rows and rejects.is_empty()
    (said,) = notes(tmp_path)
    assert said.startswith("a.tsv: a quotation mark is text in it: ") and "`quoting`" in said


def test_fields_between_marks(tmp_path: Path) -> None:
    content = 'label\ttext\na\t"one\ttab"\nb\t"two\nlines"\na\t"a ""word"""\nb\tplain\n'
    documents, rejects = read_source(tmp_path, {"a.tsv": content}, columns=LABEL)
    texts = ["one\ttab", "two\nlines", 'a "word"', "plain"]
    assert documents["text"].to_list() == texts and rejects.is_empty() and notes(tmp_path) == []


def test_nothing_speaks_against_marks_around_fields(tmp_path: Path) -> None:
    documents, _ = read_source(tmp_path, {"a.tsv": table(ALL)}, columns=LABEL)
    assert documents["text"].to_list() == ["all of it", "other", 'a "word" of it']


@pytest.mark.parametrize("name", ["a.tsv", "a.csv"])
def test_quoting_can_be_set(tmp_path: Path, name: str) -> None:
    delimiter = "\t" if name == "a.tsv" else ","
    content = table(ALL, delimiter)
    documents, _ = read_source(tmp_path, {name: content}, columns=LABEL, quoting="none")
    assert documents.select("label", "text").rows() == ALL and notes(tmp_path) == []
    content = table(MERGING, delimiter)
    documents, _ = read_source(tmp_path, {name: content}, columns=LABEL, quoting="minimal")
    assert documents.height == 3 and notes(tmp_path) == []


def test_csv_with_line_ends_in_its_fields_stays_csv(tmp_path: Path) -> None:
    rows = 'label,text\na,"Good, I\nliked it, really"\nb,plain\nb,"Good\nI like, it"\n'
    documents, rejects = read_source(tmp_path, {"a.csv": rows}, columns=LABEL)
    assert documents["text"].to_list() == ["Good, I\nliked it, really", "plain", "Good\nI like, it"]
    assert rejects.is_empty()


def test_csv_whose_records_may_be_swallowed_says_so(tmp_path: Path) -> None:
    documents, _ = read_source(tmp_path, {"a.csv": table(MERGING, ",")}, columns=LABEL)
    assert documents.height == 3
    (said,) = notes(tmp_path)
    assert said.startswith("a.csv: 3 lines that look like records of their own") and "`quoting: none`" in said


def test_a_csv_whose_mark_is_never_closed_loses_nothing(tmp_path: Path) -> None:
    rows = [("a", '"open'), *(("b", f"line {n}") for n in range(1500))]
    documents, rejects = read_source(tmp_path, {"a.csv": table(rows, ",")}, columns=LABEL)
    assert documents.select("label", "text").rows() == rows and rejects.is_empty()
