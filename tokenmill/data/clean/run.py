"""From data/measured to data/clean: one decision about the whole corpus, then one pass over the texts."""

from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.core.files import digest_value, read_json, sha256_file, write_json
from tokenmill.data.clean.apply_rules import NONE
from tokenmill.data.clean.decide import decide
from tokenmill.data.clean.settings import CleanSettings
from tokenmill.data.clean.statistics import collect_statistics
from tokenmill.data.clean.summary import summarize
from tokenmill.data.clean.write import write_source


def clean(measured: Path, out: Path, settings: CleanSettings) -> dict[str, Any]:
    """Write documents, drops, report.json and manifest.json below ``out``; returns the report.

    Every measured document of a source with the role ``text`` comes to exactly one of
    ``documents/<source>.parquet`` (with its split) and ``drops/<source>.parquet`` (with all its reasons), in
    the order of the source. Memory holds some 30 bytes of each document, and a few parts with their texts.

    Raises:
        UserError: there is nothing to read, an id stands twice, samples are missing, or nothing is left.
    """
    decisions = decide(measured, settings)
    if not (decisions.rule == NONE).any():
        raise UserError(
            "clean: not one document is left; loosen `clean` in params.yaml (data/measured holds the texts)"
        )
    for note in decisions.notes:
        print(note, flush=True)
    statistics = collect_statistics(decisions)
    (out / "documents").mkdir(parents=True)
    (out / "drops").mkdir()
    for name in decisions.corpus.sources:
        write_source(decisions, statistics, name, out)
    report = summarize(measured, decisions, statistics, settings)
    write_json(out / "report.json", report)
    write_json(out / "manifest.json", _manifest(measured, out, settings))
    return report


def _manifest(measured: Path, out: Path, settings: CleanSettings) -> dict[str, Any]:
    """Ancestry: the files read by ingest, the settings of both stages, and what came out."""
    before = read_json(measured / "manifest.json", "make it with `dvc repro measure`")
    params = {**before["params"], "clean": settings.model_dump()}
    return {
        "params": {**params, "sha256": digest_value(params)},
        "raw": before["raw"],
        "documents": {path.stem: sha256_file(path) for path in sorted((out / "documents").glob("*.parquet"))},
    }
