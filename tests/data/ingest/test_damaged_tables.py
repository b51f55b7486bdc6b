"""Tables that are damaged end the library that reads them, and never the process that asked for them."""

import io
import os
import random
import signal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.data.ingest.helpers import read_source, write_files
from tokenmill.core.errors import UserError
from tokenmill.data.ingest import apart
from tokenmill.data.ingest.files import SourceFile
from tokenmill.data.ingest.tables import read_parquet

ROWS = 20_000
COLUMNS = {"text": "text", "label": "label"}
DAMAGED = 150


def good(compression: str = "zstd") -> bytes:
    stream = io.BytesIO()
    table = pa.table({"text": [f"text {n}" for n in range(50)], "label": [n % 3 for n in range(50)]})
    pq.write_table(table, stream, compression=compression, row_group_size=20)
    return stream.getvalue()


def damage(content: bytes, chance: random.Random) -> bytes:
    """A few bytes of the second half, where the footer is, changed."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        changed[chance.randrange(len(changed) // 3, len(changed))] = chance.randrange(256)
    return bytes(changed)


def test_damaged_footers_and_pages_are_named_and_the_next_file_is_read(tmp_path: Path) -> None:
    chance, failed = random.Random(1), 0
    for number in range(DAMAGED):
        name = f"{number}.parquet"
        write_files(tmp_path / "sources", {name: damage(good(), chance)})
        try:
            read_source(tmp_path, {}, paths=[name])
        except UserError as error:
            failed += 1
            assert str(error).startswith((f"{name}: ", "sources.mine"))
            assert "\n" not in str(error) and len(str(error)) < 1000
    assert failed > DAMAGED // 2
    documents, _ = read_source(tmp_path, {"good.parquet": good()}, columns=COLUMNS)
    assert documents["label"].to_list() == [str(n % 3) for n in range(50)]


def large(folder: Path) -> SourceFile:
    path = folder / "large.parquet"
    pq.write_table(pa.table({"text": [f"{n}" * 200 for n in range(ROWS)], "label": list(range(ROWS))}), path)
    return SourceFile("large.parquet", path)


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV, signal.SIGKILL], ids=lambda s: s.name)
def test_a_library_that_breaks_down(tmp_path: Path, number: signal.Signals) -> None:
    file = large(tmp_path)
    rows = read_parquet(file, COLUMNS)
    next(rows)
    assert apart._process is not None
    os.kill(apart._process.pid, number)
    expected = "killed, most often" if number == signal.SIGKILL else f"breaks down \\({number.name}\\)"
    with pytest.raises(UserError, match=rf"^large\.parquet: .*{expected}.*; fetch or write it anew$"):
        list(rows)
    assert len(list(read_parquet(file, COLUMNS))) == ROWS


def test_one_process_reads_all_files_and_half_a_file_leaves_nothing_behind(tmp_path: Path) -> None:
    small = SourceFile("small.parquet", tmp_path / "small.parquet")
    small.path.write_bytes(good())
    assert len(list(read_parquet(small, COLUMNS))) == 50
    first = apart._process
    assert [len(list(read_parquet(small, COLUMNS))) for _ in range(20)] == [50] * 20
    assert apart._process is first
    begun = read_parquet(large(tmp_path), COLUMNS)
    next(begun)
    begun.close()  # type: ignore[attr-defined]
    assert [row.line for row in read_parquet(small, COLUMNS)] == list(range(1, 51))  # type: ignore[union-attr]


def test_what_is_no_utf_8_costs_its_row(tmp_path: Path) -> None:
    texts = pa.array([b"one", b"\xff\xfe", None, "二".encode()], pa.binary())
    stream = io.BytesIO()
    pq.write_table(pa.table({"text": pa.Array.from_buffers(pa.string(), 4, texts.buffers())}), stream)
    documents, rejects = read_source(tmp_path, {"a.parquet": stream.getvalue()})
    assert documents["text"].to_list() == ["one", "二"]
    assert rejects.select("line", "reason").rows() == [(2, "text is a bytes, not text"), (3, "no text")]
