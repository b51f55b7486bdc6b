"""Parts: where they are cut, that they can be made in any order and process, and bad input."""

import json
import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from ruamel.yaml import YAML

from tests.data.clean.helpers import COLUMNS, MEASURE, STEPS, measure_tables, row, table, write_raw
from tokenmill.core.errors import UserError
from tokenmill.core.files import digest_tree
from tokenmill.data.clean.settings import CleanSettings
from tokenmill.data.measure import part as parts
from tokenmill.data.measure import run
from tokenmill.data.measure.part import Part, measure_part, measure_table
from tokenmill.data.measure.run import measure, plan
from tokenmill.data.measure.settings import MeasureSettings
from tokenmill.jobs.runtime import RuntimeSettings
from tokenmill.jobs.workers import each

ROOT = Path(__file__).parents[3]
ONE = RuntimeSettings(workers=1)


def measured(folder: Path, *texts: str | None) -> pl.DataFrame:
    return measure_table(table("s", [row(text) for text in texts]), "s", STEPS)  # type: ignore[arg-type]


def test_tags_follow_their_text_where_personal_data_is_replaced() -> None:
    """A number of three tokens is found in the text alone; one that only the tags' spaces make is none."""
    rows = [
        row("电话010—65092824。", target="电话/n 010/m —/w 65092824/m 。/w"),
        row("号码00138001380001", target="号码/n 00/m 13800138000/m 1/m"),
        row("call 13800138000", target="打 13800138000 吧"),
    ]
    frame = measure_table(table("s", rows), "s", STEPS)
    assert frame.select("text", "target").rows() == [
        ("电话[PHONE]。", "电话/n [PHONE]/m 。/w"),
        ("号码00138001380001", "号码/n 00/m 13800138000/m 1/m"),
        ("call [PHONE]", "打 [PHONE] 吧"),
    ]
    assert frame["pii_phone"].to_list() == [1, 0, 2]


def test_parts_are_cut_by_bytes_and_cover_the_table(tmp_path: Path) -> None:
    rows = [row("好" * n, target="x" * n) for n in (1, 2, 30, 1, 1, 1)]
    table("s", rows).write_parquet(tmp_path / "s.parquet")
    made = plan("s", tmp_path / "s.parquet", part_bytes=10)
    assert [(part.first, part.rows) for part in made] == [(0, 2), (2, 1), (3, 2), (5, 1)]
    assert [part.name for part in made[:2]] == ["s/000000.parquet", "s/000001.parquet"]
    assert [part.rows for part in plan("s", tmp_path / "s.parquet", 1 << 20)] == [6]


def test_a_table_without_rows_is_one_part(tmp_path: Path) -> None:
    table("s", []).write_parquet(tmp_path / "s.parquet")
    assert plan("s", tmp_path / "s.parquet", 10) == [Part("s", 0, 0, 0)]
    folder = measure_tables(tmp_path, {"s": table("s", []), "t": table("t", [row("text")])})
    empty, other = (pl.read_parquet(folder / name / "000000.parquet") for name in "st")
    assert empty.schema == other.schema and empty.height == 0


def test_parts_make_the_same_rows_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row(f"文本 {n} and more words " * (n % 7), label=None, target="t" * n) for n in range(60)]
    whole = pl.read_parquet(measure_tables(tmp_path, {"s": table("s", rows)}) / "s/*.parquet")
    monkeypatch.setattr(run, "PART_BYTES", 600)
    several = measure_tables(tmp_path, {"s": table("s", rows)})
    assert len(list(several.glob("s/*.parquet"))) > 5
    assert pl.read_parquet(several / "s/*.parquet").equals(whole)


def test_the_number_of_processes_does_not_change_a_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = {"s": table("s", [row(f"文本 {n} and words " * 9) for n in range(40)])}
    monkeypatch.setattr(run, "PART_BYTES", 2000)
    digests = {workers: digest_tree(measure_tables(tmp_path, tables, workers)) for workers in (1, 2)}
    assert digests[1] == digests[2]


def threads(part: int) -> int:
    return pl.thread_pool_size()


def test_each_of_several_processes_has_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLARS_MAX_THREADS", "3")
    monkeypatch.delenv("RAYON_NUM_THREADS", raising=False)
    assert list(each(threads, [1, 2], workers=2)) == [1, 1]
    assert (os.environ["POLARS_MAX_THREADS"], os.environ.get("RAYON_NUM_THREADS")) == ("3", None)


def test_finished_parts_are_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_raw(tmp_path / "raw", {"a": table("a", [row("one")]), "b": table("b", [row("two")])})
    work = tmp_path / "parts"
    measure_part(tmp_path / "raw", work, {"a": STEPS}, Part("a", 0, 0, 1))
    before = (work / "a/000000.parquet").stat().st_mtime_ns
    (work / "b").mkdir()
    (work / "b/.000000.parquet.half.tmp").write_bytes(b"PAR1")  # what a kill leaves
    measure(tmp_path / "raw", tmp_path / "out", work, MEASURE, ONE)
    assert (tmp_path / "out/a/000000.parquet").stat().st_mtime_ns == before
    assert sorted(p.name for p in (tmp_path / "out").rglob("*.*")) == [
        "000000.parquet", "000000.parquet", "manifest.json",
    ]  # fmt: skip


def _killed_at_the_fourth_part(*arguments: Any) -> str:
    if arguments[-1].number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return measure_part(*arguments)


def _measure(folder: Path) -> None:
    run.PART_BYTES = 1 << 10
    run.measure_part = _killed_at_the_fourth_part
    measure(folder / "raw", folder / "out", folder / "parts", MEASURE, ONE)


def test_killed_and_started_again_it_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_raw(tmp_path / "raw", {"s": table("s", [row(f"文本 {n} and words " * 20) for n in range(300)])})
    process = multiprocessing.get_context("spawn").Process(target=_measure, args=(tmp_path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert len(list(tmp_path.glob("parts/s/*.parquet"))) == 3 and not (tmp_path / "out").exists()
    monkeypatch.setattr(run, "PART_BYTES", 1 << 10)
    for name in ("parts", "fresh"):
        measure(tmp_path / "raw", tmp_path / f"out-{name}", tmp_path / name, MEASURE, ONE)
    assert digest_tree(tmp_path / "out-parts") == digest_tree(tmp_path / "out-fresh")


def test_a_folder_whose_name_reads_like_a_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "pro[j]ect*"
    write_raw(folder / "raw", {"s": table("s", [row("好")])})
    measure(folder / "raw", folder / "out", folder / "parts", MEASURE, ONE)
    assert pl.read_parquet(folder / "out/s/000000.parquet", glob=False).height == 1


def test_the_manifest_knows_the_raw_files(tmp_path: Path) -> None:
    folder = measure_tables(tmp_path, {"s": table("s", [row("x")])})
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert manifest["params"] == {"measure": MEASURE.model_dump()}
    assert manifest["raw"]["s"].keys() == {"role", "sha256", "files"}


def test_roles_go_on(tmp_path: Path) -> None:
    folder = measure_tables(tmp_path, {"s": table("s", [row("x")])}, roles={"s": "test"})
    assert json.loads((folder / "manifest.json").read_text("utf-8"))["raw"]["s"]["role"] == "test"


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (table("s", [row("x")]).drop("label"), "raw/s.parquet: column 'label' is missing; make it anew"),
        (table("s", [row("x")]).with_columns(text=pl.lit(3)), "column 'text' has type Int32; make it anew"),
    ],
)
def test_tables_that_ingest_did_not_write(tmp_path: Path, frame: pl.DataFrame, message: str) -> None:
    with pytest.raises(UserError, match=message.replace(".", r"\.")):
        measure_tables(tmp_path, {"s": frame})


def test_nothing_to_measure(tmp_path: Path) -> None:
    write_raw(tmp_path / "raw", {})
    with pytest.raises(UserError, match="no documents to measure; run `dvc repro ingest`"):
        measure(tmp_path / "raw", tmp_path / "out", tmp_path / "parts", MEASURE, ONE)


def test_a_column_of_nothing_but_null(tmp_path: Path) -> None:
    frame = table("s", [row("text")]).with_columns(label=pl.lit(None), target=pl.lit(None))
    folder = measure_tables(tmp_path, {"s": frame})
    assert pl.read_parquet(folder / "s/000000.parquet", columns=list(COLUMNS)).schema["label"] == pl.String


def test_texts_that_break_things(tmp_path: Path) -> None:
    texts = ["", " \n\t\u3000", "\x00\x00", "a\x00b", "\ufffd" * 9, "🎉" * 50, "\u0301" * 20, "a" * 5000]
    made = measured(tmp_path, *texts)
    assert made["text"].to_list()[:4] == ["", "", "", "ab"]
    assert made["characters"].to_list() == [0, 0, 0, 2, 9, 50, 20, 5000]
    assert made["broken_characters"][4] == 9
    nothing = (
        "label",
        "group",
        "spans",
        "fold",
        "target",
        "target_hash",
        "target_characters",
        "target_bytes",
        "signature",
    )
    assert made.drop(nothing).null_count().sum_horizontal().to_list() == [0]


def test_a_million_lines_and_a_long_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "HEAD", 1 << 16)
    lines = "\n".join("好" for _ in range(1_000_000))
    line = "word " * 1_000_000
    made = measured(tmp_path, lines, line, "short")
    assert made["characters"].to_list() == [1_999_999, 4_999_999, 5]
    assert made["bytes"].to_list() == [3_999_999, 4_999_999, 5]
    # All else is counted in the head alone.
    assert made["head_characters"].to_list() == [1 << 16, 1 << 16, 5]
    assert made["lines"].to_list() == [1 << 15, 1, 1]
    assert made["duplicate_lines"].to_list() == [(1 << 15) - 1, 0, 0]
    assert made["words"].to_list() == [1 << 15, (1 << 16) // 5 + 1, 1]
    assert made["duplicate_10_gram_characters"][0] == made["word_characters"][0]


def test_a_threshold_measures_nothing_anew() -> None:
    stages = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"]
    assert stages["measure"]["params"] == ["measure"]
    assert "data/raw" not in stages["clean"]["deps"]  # all that clean knows went through measure
    assert not set(MeasureSettings.model_fields) & set(CleanSettings.model_fields)
