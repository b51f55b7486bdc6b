"""Small files that hold far more than they seem: memory stays bounded, and one line names file and place."""

import gzip
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from tests.data.ingest.helpers import read_source, write_files
from tokenmill.core.errors import UserError
from tokenmill.data.ingest import apart
from tokenmill.data.ingest.columnar import Parquet
from tokenmill.data.ingest.packed import FREE

MEBIBYTE = 1 << 20


def parquet(table: pa.Table, **settings: Any) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream, compression="zstd", write_statistics=False, **settings)
    return stream.getvalue()


def packed(piece: bytes, times: int, window_log: int = 20) -> bytes:
    """A .zst of the piece again and again, made in bounded memory."""
    stream = io.BytesIO()
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=window_log)
    with zstandard.ZstdCompressor(compression_params=parameters).stream_writer(stream, closefd=False) as out:
        for _ in range(times):
            out.write(piece)
    return stream.getvalue()


def one_text(times: int) -> pa.Table:
    """A text of 4 MB in many rows, which a dictionary holds once."""
    return pa.table({"text": pa.DictionaryArray.from_arrays(pa.array([0] * times), ["x" * 4_000_000])})


BOMBS = {
    "lines.txt.zst": lambda: packed(b"\n" * MEBIBYTE, 128),
    "lines.txt.gz": lambda: gzip.compress(b"\n" * (2 * FREE), 9, mtime=0),
    "rows.parquet": lambda: parquet(one_text(3000)),
    "nulls.parquet": lambda: parquet(pa.table({"text": pa.nulls(5_000_000, pa.string())})),
}
PLACES = {
    "lines.txt.zst": "bytes unpack to over 250 times as many; if that is meant, unpack it",
    "lines.txt.gz": "bytes unpack to over 250 times as many; if that is meant, unpack it",
    "rows.parquet": "3,000 rows come to over 250 times the size of its file; if that is meant, write it",
    "nulls.parquet": "rows come to over 250 times the size of its file; if that is meant, write it",
}
READ = """
import json, re, sys
from pathlib import Path
from tests.data.ingest.helpers import read_source
from tokenmill.core.errors import UserError
from tokenmill.data.ingest import apart
try:
    documents, rejects = read_source(Path(sys.argv[1]), {}, paths=[sys.argv[2]])
    said = f"{documents.height} documents, {rejects.height} rejects"
except UserError as error:
    said = str(error)
processes = ["self"] + ([str(apart._process.pid)] if apart._process else [])
status = "".join(Path("/proc", process, "status").read_text() for process in processes)
print(json.dumps([said, max(int(kib) >> 10 for kib in re.findall(r"VmHWM:\\s+(\\d+)", status))]))
"""


def read_and_measure(folder: Path, name: str) -> tuple[str, int]:
    """What a process says that reads one file, and the MiB that it or its own process took."""
    done = subprocess.run(
        [sys.executable, "-c", READ, str(folder), name],
        cwd=Path(__file__).resolve().parents[3], capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said, memory = json.loads(done.stdout.splitlines()[-1])
    return said, memory


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(tmp_path: Path, name: str) -> None:
    (tmp_path / "sources").mkdir()
    bomb = BOMBS[name]()
    (tmp_path / "sources" / name).write_bytes(bomb)
    assert len(bomb) < MEBIBYTE
    said, memory = read_and_measure(tmp_path, name)
    assert said.startswith(f"{name}: ") and PLACES[name] in said
    assert memory < 600


def test_a_line_that_never_ends_is_a_reject(tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    text = b"first\n" + b"x" * (60 * MEBIBYTE) + b"\nlast\n"
    (tmp_path / "sources/a.txt").write_bytes(text)
    said, memory = read_and_measure(tmp_path, "a.txt")
    assert said == "2 documents, 1 rejects" and memory < 300


@pytest.mark.parametrize("suffix", ["txt", "jsonl", "csv", "tsv", "parquet"])
def test_the_limit_is_a_setting_and_costs_the_document_alone(tmp_path: Path, suffix: str) -> None:
    texts = ["short", "x" * 1001, "after", "y" * 900]
    made: dict[str, Any] = {
        "txt": "\n".join(texts),
        "jsonl": "\n".join(json.dumps({"text": text}) for text in texts),
        "csv": "text\n" + "\n".join(f'"{text}"' for text in texts),
        "tsv": "text\n" + "\n".join(texts),
        "parquet": parquet(pa.table({"text": texts})),
    }
    name = f"a.{suffix}"
    settings = {"quoting": "minimal"} if suffix == "csv" else {}
    documents, rejects = read_source(tmp_path, {name: made[suffix]}, max_document_bytes=1000, **settings)
    assert documents["text"].to_list() == ["short", "after", "y" * 900]
    assert rejects["reason"].to_list() == ["longer than max_document_bytes"]
    assert rejects["raw"].str.contains("xxx").all()
    documents, _ = read_source(tmp_path, {name: made[suffix]}, max_document_bytes=2000)
    assert documents["text"].to_list() == texts


def test_a_record_of_many_lines_is_bounded_as_well(tmp_path: Path) -> None:
    lines = ["text,label", '"' + "x" * 90, *["y" * 99] * 50, "after,a"]
    documents, rejects = read_source(
        tmp_path, {"a.csv": "\n".join(lines)}, quoting="minimal", max_document_bytes=1000
    )
    assert documents["text"].to_list() == ["after"] and rejects.height == 51


def test_a_record_of_two_lines_is_counted_as_one_document(tmp_path: Path) -> None:
    content = 'text\n"' + "x" * 600 + "\n" + "y" * 600 + '"\nshort\n'
    documents, rejects = read_source(tmp_path, {"a.csv": content}, quoting="minimal", max_document_bytes=1000)
    assert documents["text"].to_list() == ["short"]
    assert rejects.select("line", "reason").rows() == [(2, "longer than max_document_bytes")]


def test_the_process_that_reads_tables_may_hold_so_much(tmp_path: Path) -> None:
    read_source(tmp_path, {"a.parquet": parquet(one_text(1))})
    assert apart._process is not None
    limits = Path(f"/proc/{apart._process.pid}/limits")
    if not limits.exists():
        pytest.skip("no /proc here")
    (line,) = (line for line in limits.read_text().splitlines() if line.startswith("Max data size"))
    assert int(line.split()[3]) == Parquet.memory_bytes


def test_a_window_of_a_gibibyte_says_how_to_unpack_it(tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources/a.txt.zst").write_bytes(packed(b"text\n" * 1000, 10, window_log=30))
    with pytest.raises(UserError, match=r"window of over 128 MiB takes .* with `zstd -d --long=31`$"):
        read_source(tmp_path, {}, paths=["a.txt.zst"])
    (tmp_path / "sources/a.txt.zst").write_bytes(packed(b"text\n" * 1000, 10, window_log=27))
    assert read_source(tmp_path, {}, paths=["a.txt.zst"])[0].height == 10_000


def test_thousands_of_empty_frames(tmp_path: Path) -> None:
    pack = zstandard.ZstdCompressor().compress
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources/a.txt.zst").write_bytes(pack(b"") * 50_000 + pack(b"text\n"))
    assert read_source(tmp_path, {}, paths=["a.txt.zst"])[0]["text"].to_list() == ["text"]


@pytest.mark.parametrize("name", ["a.po", "a.mo", "a.catalog", "a.conversations"])
def test_files_that_are_read_whole_have_a_limit(tmp_path: Path, name: str) -> None:
    write_files(tmp_path / "sources", {name: b" " * (33 * MEBIBYTE)})
    with pytest.raises(UserError, match=rf"^{name}: larger than 32 MiB, too large for a format that"):
        read_source(tmp_path, {}, paths=[name], format=name[2:])


@pytest.mark.parametrize("format_", ["squad", "messages", "entities", "preferences"])
def test_json_that_is_one_value_has_a_limit(tmp_path: Path, format_: str) -> None:
    write_files(tmp_path / "sources", {"a.json": b"[" + b" " * (129 * MEBIBYTE)})
    with pytest.raises(UserError, match=r"^a\.json: larger than 128 MiB, too large for a format that"):
        read_source(tmp_path, {}, paths=["a.json"], format=format_)


def test_nesting_takes_no_stack_and_aliases_repeat_nothing(tmp_path: Path) -> None:
    nested = "conversations:\n- - one\n  - two\n  - " + "[" * 5000 + "]" * 5000 + "\n"
    documents, rejects = read_source(tmp_path, {"a.yml": nested}, format="conversations")
    assert documents["text"].to_list() == ["one"] and rejects.height == 1
    many = "a: &a [x, y]\nconversations:\n" + "- *a\n" * 100 + "- [b, c]\n"
    documents, rejects = read_source(tmp_path, {"a.yml": many}, format="conversations")
    assert documents["text"].to_list() == ["b"] and rejects.height == 100
    with pytest.raises(UserError, match=r"^a\.json: no message catalogue: "):
        read_source(tmp_path, {"a.json": "[" * 100_000}, format="catalog")


def test_repeated_rows_that_are_few_are_read(tmp_path: Path) -> None:
    documents, _ = read_source(tmp_path, {"a.parquet": parquet(one_text(3))})
    assert documents["text"].str.len_chars().to_list() == [4_000_000] * 3
    assert documents.schema["text"] == pl.String
