"""From data/raw to data/clean: two passes over the sources with one decision between them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm.errors import UserError
from stages.clean.decide import decide, judge, normalized
from stages.clean.page import page
from stages.clean.statistics import summarize
from stages.params import CleanSettings
from stages.parquet import write_parquet
from stages.publish import digest_value, sha256_file, write_json, write_text

if TYPE_CHECKING:
    import polars as pl

BATCH_ROWS = 8192
"""Documents normalised at a time."""


def clean(raw: Path, out: Path, settings: CleanSettings) -> dict[str, Any]:
    """Write documents, drops, the report and the manifest below ``out``; returns the report.

    Every raw document comes to exactly one of ``documents/<source>.parquet`` (normalised, with its split) and
    ``drops/<source>.parquet`` (as it was, with its reasons), both sorted by id. Memory holds a table
    without texts of all documents, and while one source is sorted, that source.

    Raises:
        UserError: there is nothing to read, or nothing is left.
    """
    import polars as pl

    sources = raw_sources(raw)
    judged = pl.concat(
        [
            judge(batch, name, settings)
            for name, path in sources.items()
            for batch in normalized(pl.scan_parquet(path)).collect_batches(chunk_size=BATCH_ROWS)
        ]
    )
    decisions = decide(judged, settings)
    if decisions["split"].null_count() == decisions.height:
        raise UserError(
            "clean: not one document is left; loosen `clean` in params.yaml (data/raw holds the texts)"
        )
    del judged
    (out / "documents").mkdir(parents=True)
    (out / "drops").mkdir()
    for name, path in sources.items():
        _write_source(pl.scan_parquet(path), decisions.filter(pl.col("source") == name), out, name)
    report = summarize(out, decisions, settings)
    write_json(out / "report.json", report)
    write_text(out / "report.html", page(report))
    write_json(out / "manifest.json", _manifest(raw, out, settings))
    return report


def raw_sources(raw: Path) -> dict[str, Path]:
    """Tables of ``data/raw`` by source, in order of their names.

    Raises:
        UserError: there are none.
    """
    tables = {
        path.stem: path
        for path in sorted(raw.glob("*.parquet"))
        if not path.name.endswith(".rejects.parquet")
    }
    if not tables:
        raise UserError(f"{raw.as_posix()}: no documents to clean; run `dvc repro ingest`")
    return tables


def _write_source(raw: "pl.LazyFrame", decisions: "pl.DataFrame", out: Path, name: str) -> None:
    import polars as pl

    stays = pl.col("split").is_not_null()
    for folder, table, verdict, chosen in (
        ("documents", normalized(raw), "split", decisions.filter(stays)),
        ("drops", raw, "reasons", decisions.filter(~stays)),
    ):
        rows = table.join(chosen.select("id", verdict).lazy(), on="id").sort("id")
        path = out / folder / f"{name}.parquet"
        write_parquet(rows, path, rows=chosen.height, text_bytes=int(chosen["bytes"].sum()))


def _manifest(raw: Path, out: Path, settings: CleanSettings) -> dict[str, Any]:
    """Ancestry: the files read by ingest, the settings, and what came out."""
    ingested = json.loads((raw / "manifest.json").read_text("utf-8"))["sources"]
    return {
        "params": {"clean": settings.model_dump(), "sha256": digest_value(settings.model_dump())},
        "raw": {
            name: {
                "sha256": entry["sha256"],
                "files": {file["name"]: file["sha256"] for file in entry.get("files", [])},
            }
            for name, entry in ingested.items()
        },
        "documents": {path.stem: sha256_file(path) for path in sorted((out / "documents").glob("*.parquet"))},
    }
