"""From data/raw to data/measured: every source cut into parts, every part measured once."""

import os
import shutil
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

import polars as pl

from tokenmill.core.errors import UserError
from tokenmill.core.files import read_json, sha256_file, write_json
from tokenmill.core.normalization import OF_SOURCE
from tokenmill.data.measure.part import COLUMNS, Part, measure_part
from tokenmill.data.measure.settings import MeasureSettings
from tokenmill.jobs.runtime import RuntimeSettings
from tokenmill.jobs.workers import each

PART_BYTES = 4 << 20
"""Text and targets in a part, about: the memory of a worker follows from it."""
LEAST_PARTS = 2
"""Fewer parts than this are measured faster than processes start."""


def measure(
    raw: Path, out: Path, work: Path, settings: MeasureSettings, runtime: RuntimeSettings
) -> dict[str, int]:
    """Write ``out/<source>/<nnnnnn>.parquet`` and ``out/manifest.json``; returns totals.

    Parts that stand in ``work`` already are taken as they are: ``work`` belongs to one state of inputs,
    settings and code. What is written does not depend on ``runtime``.

    Raises:
        UserError: there is nothing to read, or a table is not one that ingest wrote.
    """
    tables = raw_tables(raw)
    parts = [part for source, table in tables.items() for part in plan(source, table, PART_BYTES)]
    todo = [part for part in parts if not (work / part.name).exists()]
    steps = {name: settings.of_source(entry) for name, entry in _ingested(raw).items()}
    function = partial(measure_part, raw.resolve(), work.resolve(), steps)
    workers = runtime.workers if len(todo) >= LEAST_PARTS else 1
    for name in each(function, todo, workers=workers, dask=runtime.dask):
        print(f"measured {name}", flush=True)
    out.mkdir(parents=True)
    for part in parts:
        (out / part.name).parent.mkdir(exist_ok=True)
        os.link(work / part.name, out / part.name)  # the work folder goes when the outs stand
    write_json(out / "manifest.json", _manifest(raw, tables, settings))
    shutil.rmtree(work)
    return {"documents": sum(part.rows for part in parts), "parts": len(parts)}


def raw_tables(raw: Path) -> dict[str, Path]:
    """Tables of ``data/raw`` by source, in order of their names.

    Raises:
        UserError: there are none.
    """
    found = {
        path.stem: path
        for path in sorted(raw.glob("*.parquet"))
        if not path.name.endswith(".rejects.parquet")
    }
    if not found:
        raise UserError(f"{raw.as_posix()}: no documents to measure; run `dvc repro ingest`")
    return found


def plan(source: str, table: Path, part_bytes: int) -> list[Part]:
    """Cut a raw table into parts of about ``part_bytes`` of text, in the order of its rows.

    A table without rows is one part without rows. A document is never cut.

    Raises:
        UserError: a column is missing or of another type than text.
    """
    scan = pl.scan_parquet(table, glob=False)
    schema = scan.collect_schema()
    for column in COLUMNS:
        if schema.get(column) not in (pl.String, pl.Null):
            got = f"has type {schema[column]}" if column in schema else "is missing"
            raise UserError(
                f"{table.as_posix()}: column {column!r} {got}; make it anew with `dvc repro ingest`"
            )
    sizes = scan.select(
        size=pl.sum_horizontal(pl.col("text", "target").cast(pl.String).str.len_bytes())
    ).collect(engine="streaming")["size"]
    # The part of a row follows from the bytes before it.
    numbers = ((sizes.cast(pl.Int64).cum_sum() - sizes) // part_bytes).rle_id()
    counts = numbers.value_counts().sort(numbers.name)["count"].to_list() or [0]
    firsts = accumulate(counts[:-1], initial=0)
    return [
        Part(source, number, first, rows)
        for number, (first, rows) in enumerate(zip(firsts, counts, strict=True))
    ]


def _ingested(raw: Path) -> dict[str, Any]:
    """What ingest says about each source."""
    found: dict[str, Any] = read_json(raw / "manifest.json", "make it with `dvc repro -f ingest`")["sources"]
    return found


def _manifest(raw: Path, tables: dict[str, Path], settings: MeasureSettings) -> dict[str, Any]:
    """Ancestry: the files read by ingest, their tables, and the settings."""
    ingested = _ingested(raw)
    return {
        "params": {"measure": settings.model_dump()},
        "raw": {
            name: {
                "role": ingested[name]["role"],
                "sha256": sha256_file(table),
                "files": {file["name"]: file["sha256"] for file in ingested[name].get("files", [])},
                **{key: value for key, value in ingested[name].items() if key in OF_SOURCE},
            }
            for name, table in tables.items()
        },
    }
