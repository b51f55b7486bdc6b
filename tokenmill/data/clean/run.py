"""From data/measured to data/clean: one decision about the whole corpus, then one pass over the texts."""

import json
from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.data.clean.decide import decide
from tokenmill.data.clean.judge import NONE
from tokenmill.report.cleaning import page
from tokenmill.data.clean.statistics import summarize
from tokenmill.data.clean.survey import survey
from tokenmill.data.clean.write import write_source
from tokenmill.data.clean.settings import CleanSettings
from tokenmill.core.files import digest_value, sha256_file, write_json, write_text


def clean(measured: Path, files: Path, out: Path, settings: CleanSettings) -> dict[str, Any]:
    """Write documents, drops, the report and the manifest below ``out``; returns the report.

    Every measured document comes to exactly one of ``documents/<source>.parquet`` (with its split) and
    ``drops/<source>.parquet`` (with all its reasons), in the order of the source. ``files`` is the folder of
    the user's own test sets. Memory holds some 30 bytes of each document, and a few parts with their texts.

    Raises:
        UserError: there is nothing to read, an id stands twice, or nothing is left.
    """
    decisions = decide(measured, files, settings)
    if not (decisions.rule == NONE).any():
        raise UserError(
            "clean: not one document is left; loosen `clean` in params.yaml (data/measured holds the texts)"
        )
    found = survey(decisions)
    (out / "documents").mkdir(parents=True)
    (out / "drops").mkdir()
    for name in decisions.corpus.sources:
        write_source(decisions, found, name, out)
    report = summarize(measured, decisions, found, settings)
    write_json(out / "report.json", report)
    write_text(out / "report.html", page(report))
    write_json(out / "manifest.json", _manifest(measured, out, settings))
    return report


def _manifest(measured: Path, out: Path, settings: CleanSettings) -> dict[str, Any]:
    """Ancestry: the files read by ingest, the settings of both stages, and what came out."""
    before = json.loads((measured / "manifest.json").read_text("utf-8"))
    params = {**before["params"], "clean": settings.model_dump()}
    return {
        "params": {**params, "sha256": digest_value(params)},
        "raw": before["raw"],
        "documents": {path.stem: sha256_file(path) for path in sorted((out / "documents").glob("*.parquet"))},
    }
