"""Which files are read, what is refused, and that nothing but content enters the output."""

import gzip
import importlib.metadata
import os
from pathlib import Path

import polars as pl
import pytest
import zstandard

from tests.data.ingest.helpers import read_source, run, write_files
from tokenmill.core.errors import UserError
from tokenmill.core.files import digest_tree
from tokenmill.data.ingest.files import SourceFile
from tokenmill.data.ingest.globs import glob_pattern
from tokenmill.data.ingest.lines import read_lines
from tokenmill.data.ingest.packed import CHUNK
from tokenmill.data.ingest.settings import HuggingFaceSource, PackageSource
from tokenmill.data.ingest.table_writer import TableWriter


def fails(folder: Path, files: dict[str, bytes | str], **settings: object) -> str:
    with pytest.raises(UserError) as stopped:
        read_source(folder, files, **settings)
    assert "\n" not in str(stopped.value)
    return str(stopped.value)


@pytest.mark.parametrize(
    ("glob", "fitting", "other"),
    [
        ("a/*.txt", ["a/b.txt"], ["a/b/c.txt", "a/.b.txt", "b.txt", "a/bxtxt"]),
        ("**/*.txt", ["a.txt", "a/b/c.txt"], ["a/.git/c.txt", ".c.txt"]),
        ("a/**/z.po", ["a/z.po", "a/b/c/z.po"], ["az.po", "b/a/z.po"]),
        ("a?.txt", ["ab.txt"], ["a.txt", "a/.txt"]),
        ("a[1]+.txt", ["a[1]+.txt"], ["a1.txt"]),
    ],
)
def test_globs(glob: str, fitting: list[str], other: list[str]) -> None:
    pattern = glob_pattern(glob)
    assert [name for name in fitting + other if pattern.fullmatch(name)] == fitting


def test_the_order_of_listing_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files: dict[str, bytes | str] = {f"{name}.txt": f"text of {name}\nmore\n" for name in "dacb"}
    read_source(tmp_path / "one", files, paths=["*.txt"])
    walk = os.walk
    monkeypatch.setattr(
        os, "walk", lambda *a, **k: ((f, d, sorted(n, reverse=True)) for f, d, n in walk(*a, **k))
    )
    documents, _ = read_source(tmp_path / "two", dict(reversed(files.items())), paths=["d.txt", "*.txt"])
    assert digest_tree(tmp_path / "one/raw") == digest_tree(tmp_path / "two/raw")
    assert documents["id"].to_list() == [f"mine:{name}.txt:{line}" for name in "abcd" for line in (1, 2)]


def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("elsewhere\n")
    (tmp_path / "sources/folder").mkdir(parents=True)
    (tmp_path / "sources/link.txt").symlink_to(tmp_path / "secret.txt")
    (tmp_path / "sources/folder/out").symlink_to(tmp_path)
    (tmp_path / "sources/folder/loop").symlink_to(tmp_path / "sources/folder")
    assert "a link to outside" in fails(tmp_path, {}, paths=["link.txt"])
    assert "a link to outside" in fails(tmp_path, {}, paths=["folder/out/secret.txt"])
    assert "must stay below" in fails(tmp_path, {}, paths=["../secret.txt"])
    assert "must stay below" in fails(tmp_path, {}, paths=[str(tmp_path / "secret.txt")])
    write_files(tmp_path / "sources", {"real.txt": "here\n"})
    (tmp_path / "sources/inner.txt").symlink_to("real.txt")
    documents, _ = read_source(tmp_path, {}, paths=["inner.txt"])
    assert documents["text"].to_list() == ["here"]


def test_patterns_and_suffixes_that_fit_nothing(tmp_path: Path) -> None:
    assert "'b.txt' matches none of the files below" in fails(
        tmp_path, {"a.txt": "x"}, paths=["a.txt", "b.txt"]
    )
    assert "a.doc: the suffix tells no format" in fails(tmp_path, {"a.doc": "x"})
    assert "parquet cannot be read compressed" in fails(tmp_path, {"a.parquet.gz": "x"})
    assert "not one document" in fails(tmp_path, {"a.txt": "\n\n"})
    write_files(tmp_path / "sources", {"README.md": "not a source", "b.txt": "source"})
    documents, _ = read_source(tmp_path, {}, paths=["b.*", "b.txt"])
    assert documents["text"].to_list() == ["source"]
    assert "matches none" in fails(tmp_path, {}, paths=["README.md"])


@pytest.mark.parametrize("cut", [5, 40, -1, -9])
def test_compressed_files_that_are_cut_off(tmp_path: Path, cut: int) -> None:
    text = "".join(f"line {n}\n" for n in range(200)).encode()
    for suffix, packed in {
        ".gz": gzip.compress(text),
        ".zst": zstandard.ZstdCompressor().compress(text),
    }.items():
        file = tmp_path / f"sources/a.txt{suffix}"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(packed[:cut])
        assert fails(tmp_path, {}, paths=[file.name]) == (
            f"{file.name}: the compressed file is cut off; fetch or copy it again"
        )


def test_files_that_are_no_such_archive_or_encoding(tmp_path: Path) -> None:
    root = tmp_path / "sources"
    root.mkdir()
    (root / "a.txt.gz").write_bytes(b"plain text")
    (root / "b.txt.zst").write_bytes(b"plain text")
    (root / "c.parquet").write_bytes(b"plain text")
    assert "a.txt.gz: cannot be decompressed" in fails(tmp_path, {}, paths=["a.txt.gz"])
    assert "b.txt.zst: cannot be decompressed" in fails(tmp_path, {}, paths=["b.txt.zst"])
    assert "c.parquet: no readable parquet file" in fails(tmp_path, {}, paths=["c.parquet"])


def test_archives_of_several_members(tmp_path: Path) -> None:
    root = tmp_path / "sources"
    root.mkdir()
    pack = zstandard.ZstdCompressor().compress
    (root / "a.txt.gz").write_bytes(gzip.compress(b"one\n") + gzip.compress(b"two\n"))
    (root / "b.txt.zst").write_bytes(pack(b"one\nt") + pack(b"wo\n"))
    documents, _ = read_source(tmp_path, {}, paths=["*"])
    assert documents["text"].to_list() == ["one", "two"] * 2


def test_lines_across_chunks(tmp_path: Path) -> None:
    lines = [b"a" * (CHUNK - 1), b"", b"b" * (3 * CHUNK), b"c", b"d" * CHUNK]
    path = tmp_path / "long.txt"
    path.write_bytes(b"\r\n".join(lines))
    assert [line for _, line in read_lines(SourceFile("long.txt", path))] == lines


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_missing_columns_name_file_column_and_what_there_is(tmp_path: Path, suffix: str) -> None:
    frame = pl.DataFrame({"body": ["one"], "stars": [5]})
    table = tmp_path / f"made.{suffix}"
    getattr(frame, {"csv": "write_csv", "jsonl": "write_ndjson", "parquet": "write_parquet"}[suffix])(table)
    files: dict[str, bytes | str] = {f"a.{suffix}": table.read_bytes()}
    message = fails(tmp_path, files)
    assert message.startswith(f"a.{suffix}: no column 'text' for text; it has body, stars")
    documents, _ = read_source(tmp_path, files, columns={"text": "body", "label": "stars"})
    assert documents.select("text", "label").rows() == [("one", "5")]
    if suffix != "jsonl":  # a line of JSON may leave out what is absent
        assert "no column 'grade' for label" in fails(
            tmp_path, files, columns={"text": "body", "label": "grade"}
        )


def test_own_ids_are_used_and_a_second_one_is_a_reject(tmp_path: Path) -> None:
    content = "key,text\n7,one\n8,two\n7,three\n,four\n"
    documents, rejects = read_source(tmp_path, {"a.csv": content}, columns={"id": "key"})
    assert documents.select("id", "text").rows() == [("mine:7", "one"), ("mine:8", "two")]
    assert rejects.select("line", "reason").rows() == [(4, "id '7' occurs before"), (5, "no id")]


def test_labels_by_file(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {"a/pos.txt": "good\n", "neg.txt": "bad\n"}
    documents, _ = read_source(tmp_path, files, labels={"pos.txt": "positive", "neg.txt": "negative"})
    assert documents.select("text", "label").rows() == [("good", "positive"), ("bad", "negative")]
    assert "says nothing about neg.txt" in fails(tmp_path, files, labels={"pos.txt": "positive"})
    labels = {"pos.txt": "positive", "neg.txt": "negative", "nge.txt": "negative"}
    assert "names 'nge.txt', which is no file" in fails(tmp_path, files, labels=labels)


def test_packages_are_read_without_being_imported(tmp_path: Path) -> None:
    import sys

    missing = PackageSource(kind="package", package="no-such-package", paths=["*"])
    with pytest.raises(UserError, match=r"'no-such-package' is not installed.*tokenmill\[sample-data\]"):
        run(tmp_path, "x", missing)
    paths = ["chatterbot_corpus/data/chinese/food.yml"]
    source = PackageSource(kind="package", package="chatterbot-corpus", paths=paths, format="conversations")
    assert run(tmp_path, "x", source)["documents"] == 5
    assert "chatterbot_corpus" not in sys.modules
    assert importlib.metadata.version("chatterbot-corpus") in (tmp_path / "raw/manifest.json").read_text(
        "utf-8"
    )


def test_datasets_saved_on_disk(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({
        "body": datasets.Value("string"), "label": datasets.ClassLabel(names=["bad", "good"]),
    })  # fmt: skip
    table = datasets.Dataset.from_dict({"body": ["one", None, "two"], "label": [1, 0, -1]}, features=features)
    datasets.DatasetDict({"train": table}).save_to_disk(str(tmp_path / "sources/saved"))

    def read(**settings: str) -> None:
        source = HuggingFaceSource(
            kind="huggingface", columns={"text": "body", "label": "label"}, max_bad_share=0.5, **settings
        )
        run(tmp_path, "x", source)

    read(dataset="saved")
    documents = pl.read_parquet(tmp_path / "raw/x.parquet")
    assert documents.select("id", "text", "label").rows() == [
        ("x:saved:1", "one", "good"),
        ("x:saved:3", "two", None),
    ]
    assert pl.read_parquet(tmp_path / "raw/x.rejects.parquet")["reason"].to_list() == ["no text"]
    with pytest.raises(UserError, match="'saved': has no split 'test'; it has train"):
        read(dataset="saved", split="test")
    with pytest.raises(UserError, match=r"'other': no folder of that name.*give the revision"):
        read(dataset="other")


def test_memory_is_bounded_by_batches_and_bytes_do_not_depend_on_them(tmp_path: Path) -> None:
    rows = [(f"line {n}", n, "reason", "x" * (n % 50)) for n in range(500)]
    digests = []
    for size in (1000, 1 << 20):
        writer = TableWriter(("file", "line", "reason", "raw"), tmp_path / f"parts-{size}", batch_bytes=size)
        most = 0
        for row in rows:
            writer.add(row)
            most = max(most, len(writer._buffer))
        assert most < 10 or size > 1000
        writer.finish(tmp_path / f"{size}.parquet")
        digests.append(digest_tree(tmp_path / f"{size}.parquet"))
    assert digests[0] == digests[1]
    assert pl.read_parquet(tmp_path / "1000.parquet").rows() == rows
