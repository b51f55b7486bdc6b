"""Objects in files of JSON and in tables; and whole files as documents."""

from pathlib import Path
from typing import Any

import datasets
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.data.ingest.helpers import notes, read_source, run
from tokenmill.core.errors import UserError
from tokenmill.data.documents.spans import Span, read_spans
from tokenmill.data.ingest.settings import HuggingFaceSource

MESSAGES = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
ROW = '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}'


@pytest.mark.parametrize(
    ("name", "content", "count"),
    [
        ("a.json", f"[{ROW}, {ROW}]", 2),
        ("a.json", f" [\n{ROW},\n{ROW}\n]\n", 2),
        ("a.json", f"{ROW}\n{ROW}\n", 2),
        ("a.json", f'{{"x": {ROW}, "y": {ROW}}}', 2),
        ("a.json", f'{{\n"x": {ROW}\n}}', 1),
        ("a.jsonl", ROW, 1),
        ("a.json.zst", f"[{ROW}]", 1),
        ("a.ndjson.gz", f"{ROW}\n", 1),
    ],
)
def test_json_in_each_form(tmp_path: Path, name: str, content: str, count: int) -> None:
    documents, rejects = read_source(tmp_path, {name: content}, format="messages")
    assert documents["text"].to_list() == ["a\nb"] * count and rejects.is_empty()


def test_bad_lines_of_json(tmp_path: Path) -> None:
    content = f'{ROW}\nbroken\n\n{{"messages": "\\u0000"}}\n7\n'.encode() + b"\xff\n"
    documents, rejects = read_source(tmp_path, {"a.jsonl": content}, format="messages")
    assert documents.height == 1
    assert [reason[:9] for reason in rejects["reason"]] == [
        "malformed",
        "a convers",
        "a row is ",
        "not UTF-8",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"[{ROW},\n{ROW[:-3]}", "malformed JSON in line 2"),
        (f"[{ROW}\n{ROW}]", r"malformed JSON in line 2: '\]' is expected"),
        (f"[{ROW}]\n\nmore", "malformed JSON in line 3: something follows its end"),
        ("text", r"malformed JSON in line 1: '\[' is expected"),
    ],
)
def test_json_that_breaks_off(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(UserError, match=rf"^a\.json: {said}"):
        read_source(tmp_path, {"a.json": content}, format="messages")


def write_parquet(path: Path, columns: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def test_objects_in_parquet(tmp_path: Path) -> None:
    spans = [[{"start": 0, "end": 2, "label": "LOC"}], [], None]
    write_parquet(
        tmp_path / "sources/a.parquet", {"text": ["北京", "x", "y"], "entities": spans, "n": [1, 2, 3]}
    )
    documents, rejects = read_source(tmp_path, {}, paths=["a.parquet"], format="entities")
    assert [read_spans(written) for written in documents["spans"]] == [[Span(0, 2, "LOC")], []]
    assert rejects.select("line", "reason").rows() == [(3, "no field 'entities'")]
    with pytest.raises(
        UserError, match=r"^a\.parquet: none of the columns messages, .*; it has text, entities, n$"
    ):
        read_source(tmp_path, {}, paths=["a.parquet"], format="messages")


def test_tokens_in_parquet_are_read_twice(tmp_path: Path) -> None:
    tags = [["I-LOC", "O"]] * 300 + [["I-LOC", "B-LOC"]]
    write_parquet(tmp_path / "sources/a.parquet", {"tokens": [["Paris", "x"]] * 301, "tags": tags})
    documents, _ = read_source(tmp_path, {}, paths=["a.parquet"], format="entities")
    assert documents.height == 301 and len(read_spans(documents["spans"][300])) == 2
    assert notes(tmp_path) == ["a.parquet: read as tokens with tags in 'tags', tags read as IOB1, of LOC"]


def dataset(folder: Path, features: datasets.Features | None, **columns: Any) -> None:
    datasets.disable_progress_bars()
    datasets.Dataset.from_dict(columns, features=features).save_to_disk(folder / "sources/mine")


def read_dataset(folder: Path, format_: Any) -> list[tuple[str, list[Span], str | None]]:
    run(folder, "mine", HuggingFaceSource(kind="huggingface", dataset="mine", format=format_))
    rows = pl.read_parquet(folder / "raw/mine.parquet").select("text", "spans", "group").rows()
    return [(text, read_spans(spans), group) for text, spans, group in rows]


def test_tags_of_a_dataset_have_names(tmp_path: Path) -> None:
    names = datasets.ClassLabel(names=["O", "B-LOC", "I-LOC"])
    features = datasets.Features(
        {"tokens": datasets.List(datasets.Value("string")), "ner_tags": datasets.List(names)}
    )
    dataset(tmp_path, features, tokens=[["in", "New", "York"], ["x"]], ner_tags=[[0, 1, 2], [0]])
    assert read_dataset(tmp_path, "entities") == [
        ("in New York", [Span(3, 11, "LOC")], None),
        ("x", [], None),
    ]


def test_questions_and_messages_of_a_dataset(tmp_path: Path) -> None:
    dataset(
        tmp_path / "q", None, id=["1"], title=["t"], context=["one two"], question=["2?"],
        answers=[{"text": ["two"], "answer_start": [4]}],
    )  # fmt: skip
    assert read_dataset(tmp_path / "q", "squad") == [
        ("one two\n2?", [Span(4, 7, "answer:0"), Span(8, 10, "question")], "t")
    ]
    dataset(tmp_path / "m", None, messages=[MESSAGES])
    assert read_dataset(tmp_path / "m", "messages") == [
        ("a\nb", [Span(0, 1, "user"), Span(2, 3, "assistant")], None)
    ]
    dataset(tmp_path / "p", None, prompt=["q"], chosen=["good"], rejected=["bad"])
    (found,) = read_dataset(tmp_path / "p", "preferences")
    assert found[0] == "q\ngood\nbad"


def test_spans_of_a_table(tmp_path: Path) -> None:
    rows = ['[[0,2,""LOC""]]', "[[0,9,1]]", "x", "[" * 9000, "[[0,1e999,1]]", ""]
    content = "text,mine\n" + "".join(f'北京,"{row}"\n' for row in rows)
    documents, rejects = read_source(tmp_path, {"a.csv": content}, columns={"spans": "mine"})
    assert [read_spans(written) for written in documents["spans"]] == [[Span(0, 2, "LOC")], []]
    assert [reason[:16] for reason in rejects["reason"]] == [
        "span 0 to 9 (1) ", "no spans: 'x'", "no spans: '[[[[[", "no spans: '[[0,1",
    ]  # fmt: skip


def test_whole_files(tmp_path: Path) -> None:
    files = {
        "a.py": "import os\n\n\nprint(os)\n",
        "b.py.gz": "x = 1\r\ny = 2\n",
        "empty.py": " \n",
        "bad.py": b"caf\xe9\n",
        "long.py": "#" * 100,
    }
    documents, rejects = read_source(tmp_path, files, format="file", max_document_bytes=50)
    assert documents.select("id", "text", "group").rows() == [
        ("mine:a.py:1", "import os\n\n\nprint(os)\n", None),
        ("mine:b.py.gz:1", "x = 1\r\ny = 2\n", None),
    ]
    assert rejects.select("file", "reason").rows() == [
        ("bad.py", "not UTF-8 at byte 4"),
        ("long.py", "longer than max_document_bytes"),
    ]
