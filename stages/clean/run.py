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


def clean(raw: Path, out: Path, settings: CleanSettings) -> dict[str, Any]:
    """Write documents, drops, the report and the manifest below ``out``; returns the report.

    Every raw document comes to exactly one of ``documents/<source>.parquet`` (normalised, with its split) and
    ``drops/<source>.parquet`` (as it was, with its reasons), both sorted by id. One source is in memory at a
    time, beside a table without texts of all documents.

    Raises:
        UserError: there is nothing to read, or nothing is left.
    """
    import polars as pl

    sources = raw_sources(raw)
    judged = pl.concat(
        [judge(normalized(pl.read_parquet(path)), name, settings) for name, path in sources.items()]
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
        _write_source(name, pl.read_parquet(path), decisions.filter(pl.col("source") == name), out)
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


def _write_source(name: str, raw: "pl.DataFrame", decisions: "pl.DataFrame", out: Path) -> None:
    import polars as pl

    verdicts = decisions.select("id", "split", "reasons")
    documents = normalized(raw).join(verdicts, on="id").filter(pl.col("split").is_not_null()).drop("reasons")
    drops = raw.join(verdicts, on="id").filter(pl.col("split").is_null()).drop("split")
    for folder, table in (("documents", documents), ("drops", drops)):
        table = table.sort("id")
        size = int(table.select(pl.sum_horizontal(pl.col("text", "target").str.len_bytes().sum())).item())
        write_parquet(table.lazy(), out / folder / f"{name}.parquet", rows=table.height, text_bytes=size)


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
