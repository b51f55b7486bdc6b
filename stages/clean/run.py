"""From data/measured to data/clean: one decision about the whole corpus, then one pass over the texts."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm.errors import UserError
from stages.clean.decide import Decisions, decide
from stages.clean.page import page
from stages.clean.statistics import summarize
from stages.clean.texts import Rows
from stages.data_settings import CleanSettings
from stages.parquet import write_parquet
from stages.publish import digest_value, sha256_file, write_json, write_text

if TYPE_CHECKING:
    import polars as pl

COLUMNS = ("id", "source", "text", "label", "target", "language")


def clean(measured: Path, files: Path, out: Path, settings: CleanSettings) -> dict[str, Any]:
    """Write documents, drops, the report and the manifest below ``out``; returns the report.

    Every measured document comes to exactly one of ``documents/<source>.parquet`` (with its split) and
    ``drops/<source>.parquet`` (with all its reasons), in the order of the source. ``files`` is the folder of
    the user's own test sets. Memory holds tables without texts of all documents, and one part with its texts.

    Raises:
        UserError: there is nothing to read, an id stands twice, or nothing is left.
    """
    decisions = decide(measured, files, settings)
    if not decisions.documents["rule"].null_count():
        raise UserError(
            "clean: not one document is left; loosen `clean` in params.yaml (data/measured holds the texts)"
        )
    (out / "documents").mkdir(parents=True)
    (out / "drops").mkdir()
    for name, part in decisions.by_source().items():
        _write_source(measured, name, part, decisions, out)
    report = summarize(measured, out, decisions, settings)
    write_json(out / "report.json", report)
    write_text(out / "report.html", page(report))
    write_json(out / "manifest.json", _manifest(measured, out, settings))
    return report


def _write_source(
    measured: Path, name: str, decided: "pl.DataFrame", decisions: Decisions, out: Path
) -> None:
    import polars as pl

    failures = decisions.failures.join(decided.select("id"), on="id", how="semi", maintain_order="left")
    reasons = failures.group_by("id", maintain_order=True).agg(
        reasons=pl.struct(pl.col("rule").cast(pl.String), "value")
    )
    kept, dropped = decided.filter(pl.col("rule").is_null()), decided.filter(pl.col("rule").is_not_null())
    dropped = dropped.drop("split").join(reasons, on="id", how="left", maintain_order="left")
    for folder, verdict, chosen in (("documents", "split", kept), ("drops", "reasons", dropped)):
        table = _streamed(Rows.of(chosen, measured), chosen[verdict], decisions.shortened)
        text_bytes = int(chosen["bytes"].sum()) + int(chosen["target_bytes"].sum())
        write_parquet(table, out / folder / f"{name}.parquet", rows=chosen.height, text_bytes=text_bytes)


def _streamed(rows: Rows, verdicts: "pl.Series", shortened: "pl.DataFrame") -> "pl.LazyFrame":
    """The documents of ``rows`` with their ``verdicts``, read part by part when needed."""
    import polars as pl
    from polars.io.plugins import register_io_source

    verdicts = verdicts.rechunk()
    schema = dict.fromkeys(COLUMNS, pl.String()) | {verdicts.name: verdicts.dtype}

    def frames(
        columns: list[str] | None, predicate: "pl.Expr | None", limit: int | None, batch: int | None
    ) -> "Iterator[pl.DataFrame]":
        for numbers, texts in rows.read(list(COLUMNS)):
            frame = texts.with_columns(verdicts.gather(numbers))
            if len(shortened):
                # Of those that lost everything the text is null, which leaves what drops are to hold.
                frame = frame.update(shortened.select("id", "text"), on="id").select(list(schema))
            yield frame if columns is None else frame.select(columns)

    return register_io_source(frames, schema=schema)


def _manifest(measured: Path, out: Path, settings: CleanSettings) -> dict[str, Any]:
    """Ancestry: the files read by ingest, the settings of both stages, and what came out."""
    before = json.loads((measured / "manifest.json").read_text("utf-8"))
    params = {**before["params"], "clean": settings.model_dump()}
    return {
        "params": {**params, "sha256": digest_value(params)},
        "raw": before["raw"],
        "documents": {path.stem: sha256_file(path) for path in sorted((out / "documents").glob("*.parquet"))},
    }
