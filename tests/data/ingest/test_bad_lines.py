"""A bad line costs itself alone, and is kept with its reason and position."""

import json
from pathlib import Path

import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.ingest.helpers import read_source
from tokenmill.core.errors import UserError

LABEL = {"label": "label"}

JSONL = [
    (b'{"text": "first", "label": "a"}', None),
    (b'{"text": "broken', "malformed JSON"),
    (b'{"text": "bytes \xff\xfe"}', "not UTF-8 at byte 17"),
    (b'\xef\xbb\xbf{"text": "mark"}', "malformed JSON"),
    (rb'{"text": "half \ud83d"}', "malformed JSON"),
    (rb'{"text": "nul \u0000"}', "NUL character in text"),
    (b'{"text": "raw nul \x00"}', "NUL character"),
    (b'{"body": "elsewhere"}', "no field 'text'"),
    (b'{"text": null}', "no text"),
    (b'{"text": 42}', "text is a number, not text"),
    (b'{"text": ["a"]}', "text is a list, not text"),
    (b'["text"]', "not a JSON object"),
    (b'{"text": "t", "label": {"a": 1}}', "label is an object, not text"),
    (b"", None),
    (b"   ", None),
    ('{"text": "last 😀"}'.encode(), None),
]


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_jsonl(tmp_path: Path, suffix: str) -> None:
    name = f"a.jsonl{suffix}"
    documents, rejects = read_source(tmp_path, {name: b"\n".join(line for line, _ in JSONL)}, columns=LABEL)
    assert documents["text"].to_list() == ["first", "last 😀"]
    assert documents["id"].to_list() == [f"mine:{name}:1", f"mine:{name}:16"]
    expected = [(number, reason) for number, (_, reason) in enumerate(JSONL, start=1) if reason]
    assert rejects["line"].to_list() == [number for number, _ in expected]
    for got, (_, reason) in zip(rejects["reason"], expected, strict=True):
        assert got.startswith(reason)
    assert rejects["file"].unique().to_list() == [name]
    by_line = dict(rejects.select("line", "raw").iter_rows())
    assert by_line[2] == '{"text": "broken'
    assert by_line[3] == '{"text": "bytes \\xff\\xfe"}'


def test_txt(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbfone\r\n\n  \ntwo\nbad \xe4\xb8\nnul \x00\nthree"
    documents, rejects = read_source(tmp_path, {"a.txt": content})
    assert documents["text"].to_list() == ["one", "two", "three"]
    assert documents["id"].to_list() == ["mine:a.txt:1", "mine:a.txt:4", "mine:a.txt:7"]
    assert rejects.select("line", "reason").rows() == [(5, "not UTF-8 at byte 5"), (6, "NUL character")]


CSV = [
    "text,label,note",
    "plain,a,x",
    '"quoted, with ""quotes""",b,x',
    "too,few",
    "far,too,many,fields",
    '"two',
    'lines",c,x',
    'a"b,d,x',
    '"open,e,x',
    "after,f,x",
    '"closed"badly,g,x',
    ",h,x",
    "",
    "last,,x",
]


def test_csv(tmp_path: Path) -> None:
    documents, rejects = read_source(tmp_path, {"a.csv": "\n".join(CSV)}, columns=LABEL)
    assert documents.select("text", "label").rows() == [
        ("plain", "a"),
        ('quoted, with "quotes"', "b"),
        ("two\nlines", "c"),
        ('a"b', "d"),
        ("after", "f"),
        ("", "h"),
        ("last", None),
    ]
    assert documents["id"].to_list()[-1] == "mine:a.csv:14"
    assert rejects.select("line", "reason").rows() == [
        (4, "2 fields where the header has 3"),
        (5, "4 fields where the header has 3"),
        (9, "malformed: ',' expected after '\"'"),
        (11, "malformed: ',' expected after '\"'"),
    ]


def test_a_quote_that_is_never_closed_costs_one_line(tmp_path: Path) -> None:
    lines = ["text,label", '"open,a', *(f"line {n},b" for n in range(3000))]
    documents, rejects = read_source(tmp_path, {"a.csv": "\n".join(lines)}, quoting="minimal")
    assert documents.height == 3000
    assert rejects.select("line", "reason").rows() == [(2, "quote never closed")]


def test_bad_bytes_in_csv_and_tsv(tmp_path: Path) -> None:
    documents, rejects = read_source(
        tmp_path, {"a.tsv": b"label\ttext\na\tone\nb\t\xff\nc\t\x00\nd\ttwo\n"}, columns=LABEL
    )
    assert documents.select("text", "label").rows() == [("one", "a"), ("two", "d")]
    assert rejects["line"].to_list() == [3, 4]


def test_parquet(tmp_path: Path) -> None:
    table = tmp_path / "made.parquet"
    pl.DataFrame({"text": ["one", None, "nul \0", "two"], "label": [1, 2, 3, None]}).write_parquet(table)
    documents, rejects = read_source(tmp_path, {"a.parquet": table.read_bytes()}, columns=LABEL)
    assert documents.select("text", "label").rows() == [("one", "1"), ("two", None)]
    assert rejects.select("line", "reason").rows() == [(2, "no text"), (3, "NUL character in text")]


def test_tagged_text(tmp_path: Path) -> None:
    lines = ["[中央/n  电视台/n]nt  播出/v", "[/w  注/v  ]/w", "１２月/t  //w", "没有 标记", "词/", "/n"]
    documents, rejects = read_source(tmp_path, {"a.txt": "\n".join(lines)}, format="tagged")
    assert documents["text"].to_list() == ["中央电视台播出", "[注]", "１２月/"]
    assert documents["target"].to_list() == lines[:3]
    assert rejects["line"].to_list() == [4, 5, 6]


PO = """
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"

msgid "Save"
msgstr "保存"

#, fuzzy
msgid "Load"
msgstr "装"

msgid "Undone"
msgstr ""

msgctxt "time"
msgid "a day"
msgid_plural "days"
msgstr[0] "天"

#~ msgid "Old"
#~ msgstr "旧"
"""

CONVERSATIONS = """
conversations:
- - hello
  - 42
  - Yes
- no turns
- - one
  - null
- - [a]
  - b
- [c, d, e]
"""


def test_catalog(tmp_path: Path) -> None:
    catalog = {
        "": {"domain": "x"},
        "menu\u0004Open": ["打开"],
        "Bad": "text",
        "None": [""],
        "%1 file": ["%1 个", ""],
    }
    documents, rejects = read_source(tmp_path, {"a.json": orjson.dumps(catalog)}, format="catalog")
    pairs = [("mine:a.json:2", "Open", "打开"), ("mine:a.json:5", "%1 file", "%1 个")]
    assert documents.select("id", "text", "target").rows() == pairs
    assert rejects.select("line", "reason").rows() == [(3, "translations are no list of texts")]


def test_po(tmp_path: Path) -> None:
    documents, rejects = read_source(tmp_path, {"b.po": "\ufeff" + PO})
    pairs = [("mine:b.po:5", "Save", "保存"), ("mine:b.po:15", "a day", "天")]
    assert documents.select("id", "text", "target").rows() == pairs
    assert rejects.is_empty()


def test_conversations(tmp_path: Path) -> None:
    documents, rejects = read_source(tmp_path, {"c.yml": CONVERSATIONS}, format="conversations")
    assert documents.select("id", "text", "target").rows() == [
        ("mine:c.yml:3", "hello", "42"),
        ("mine:c.yml:4", "42", "Yes"),
        ("mine:c.yml:11", "c", "d"),
        ("mine:c.yml:11.2", "d", "e"),
    ]
    # A conversation is a group.
    assert documents["group"].to_list() == ["c.yml:3", "c.yml:3", "c.yml:11", "c.yml:11"]
    assert rejects["line"].to_list() == [6, 7, 9]


@pytest.mark.parametrize("format_", ["catalog", "po", "conversations"])
def test_a_file_that_is_nothing_of_the_kind(tmp_path: Path, format_: str) -> None:
    with pytest.raises(UserError, match=r"^a\.any: (no|has no) "):
        read_source(tmp_path, {"a.any": "[: {"}, format=format_)


def test_a_share_too_large_stops_the_stage(tmp_path: Path) -> None:
    content = "\n".join(['{"text": "good"}'] * 8 + ["{", "["])
    with pytest.raises(UserError) as stopped:
        read_source(tmp_path, {"a.jsonl": content}, max_bad_share=0.1)
    message = str(stopped.value)
    assert "sources.mine: 2 of 10 lines are bad (20.0%), more than max_bad_share 0.1" in message
    assert "a.jsonl line 9: malformed JSON" in message and "\n" not in message
    documents, rejects = read_source(tmp_path, {"a.jsonl": content}, max_bad_share=0.2)
    assert (documents.height, rejects.height) == (8, 2)


def test_a_huge_bad_line_is_cut(tmp_path: Path) -> None:
    _, rejects = read_source(tmp_path, {"a.jsonl": b'{"text": "ok"}\n' + b"x" * 3_000_000})
    assert rejects["raw"].str.len_chars().to_list() == [10_000]


TEXT_LINES = st.text(max_size=20).map(lambda text: json.dumps({"text": text}).encode())


@settings(max_examples=25)
@given(lines=st.lists(st.binary(max_size=30) | TEXT_LINES))
def test_every_line_is_a_document_a_reject_or_empty(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    lines = [b'{"text": "x"}', *(line.replace(b"\n", b" ") for line in lines)]
    documents, rejects = read_source(tmp_path_factory.mktemp("any"), {"a.jsonl": b"\n".join(lines)})
    numbers = [int(identity.rpartition(":")[2]) for identity in documents["id"]] + rejects["line"].to_list()
    assert sorted(numbers) == [n for n, line in enumerate(lines, start=1) if line.strip()]
