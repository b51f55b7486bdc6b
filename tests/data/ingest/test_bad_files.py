"""Files that are empty, huge, or something else than their name says."""

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard

from tests.data.ingest.helpers import read_source
from tokenmill.core.errors import UserError


def parquet(**columns: list[Any]) -> bytes:
    stream = io.BytesIO()
    pl.DataFrame(columns).write_parquet(stream)
    return stream.getvalue()


def archive() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        made.writestr("a.txt", "text")
    return stream.getvalue()


NOTHING = "sources.mine: not one document in its files"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", b""),
        ("a.txt", b" \n\t\n\r\n"),
        ("a.txt.gz", b""),
        ("a.jsonl", b""),
        ("a.csv", b""),
        ("a.csv", b"text,label\n"),
        ("a.parquet", parquet(text=[])),
    ],
)
def test_files_with_nothing_in_them(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(UserError, match=NOTHING):
        read_source(tmp_path / "alone", {name: content}, columns={})
    documents, rejects = read_source(tmp_path / "beside", {name: content, "z.txt": "text"})
    assert documents["text"].to_list() == ["text"] and rejects.is_empty()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", gzip.compress(b"text", mtime=0), "a.txt: is compressed by gzip; let its name end with .gz"),
        ("a.jsonl", zstandard.compress(b"text"), "a.jsonl: is compressed by zstd; "),
        ("a.csv", archive(), "a.csv: is a zip archive; unpack it"),
        ("a.jsonl", parquet(text=["one"]), "a.jsonl: is a parquet file; let its name end with .parquet"),
        ("a.jsonl.gz", gzip.compress(b"text", mtime=0), "a.jsonl.gz: is compressed by gzip; "),
        ("a.parquet", b"", "a.parquet: no readable parquet file "),
        ("a.parquet", b'{"text": "one"}', "a.parquet: no readable parquet file "),
        ("a.csv", b'{"text": "one", "label": "two"}\n', "a.csv: no column 'text' for text; it has "),
        ("a.jsonl", b"text,label\none,two\n", "sources.mine: 2 of 2 lines are bad .* malformed JSON"),
        ("a.jsonl", b'[{"text": "one"}]', "sources.mine: 1 of 1 lines are bad .* not a JSON object"),
        ("a.txt", "中文\n".encode("gbk"), "sources.mine: 1 of 1 lines are bad .* not UTF-8 at byte 1"),
        ("a.parquet", parquet(text=[1, 2]), "2 of 2 lines are bad .* text is a number, not text"),
        ("a.parquet", parquet(text=[["a"]]), "1 of 1 lines are bad .* text is a list, not text"),
        ("a.parquet", parquet(text=[b"a"]), "1 of 1 lines are bad .* text is a bytes, not text"),
        ("a.parquet", parquet(text=["a"], label=[{"b": 1}]), "1 of 1 .* label is an object, not text"),
    ],
)
def test_files_that_are_something_else(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    content = gzip.compress(content, mtime=0) if name.endswith(".gz") else content
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / name).write_bytes(content)
    columns = {"label": "label"} if "label is" in message else {}
    with pytest.raises(UserError, match=message) as stopped:
        read_source(tmp_path, {}, paths=[name], max_bad_share=0.01, columns=columns)
    assert "\n" not in str(stopped.value)


HUGE = 100_000_000


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_one_line_of_100_megabytes(tmp_path: Path, name: str) -> None:
    text = "x" * HUGE
    content = text if name == "a.txt" else f'{{"text": "{text}"}}'
    files: dict[str, bytes | str] = {name: f"{content}\n", "b.txt": "after"}
    documents, rejects = read_source(tmp_path, files, max_document_bytes=2 * HUGE)
    assert documents["text"].str.len_bytes().to_list() == [HUGE, 5] and rejects.is_empty()


@pytest.mark.slow
def test_a_million_lines_of_one_character(tmp_path: Path) -> None:
    documents, rejects = read_source(tmp_path, {"a.txt": "字\n" * 1_000_000})
    assert documents.height == 1_000_000 and rejects.is_empty()
    assert documents["id"][-1] == "mine:a.txt:1000000"
    assert documents["text"].unique().to_list() == ["字"]
