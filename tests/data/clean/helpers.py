"""Raw tables made by a test, measured and cleaned."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from tokenmill.core.files import remove, sha256_file, write_json
from tokenmill.data.clean.run import clean
from tokenmill.data.clean.settings import CleanSettings, LanguageThresholds, SplitSettings, Thresholds
from tokenmill.data.measure.run import measure
from tokenmill.data.measure.settings import MeasureSettings
from tokenmill.jobs.runtime import RuntimeSettings

COLUMNS = ("id", "source", "text", "label", "target", "language", "group", "spans")
RAW = (*COLUMNS, "fold")
Row = tuple[str, str | None, str | None]
"""Text, label, target."""
MEASURE = MeasureSettings(remove_html=True, simplify_chinese=False, replace_pii=True)
STEPS = MEASURE.of_source({})


def settings(**changes: Any) -> CleanSettings:
    """Bounds of 2 to 40 characters, 20% for validation and 30% for testing, but for ``changes``.

    ``default``, ``zh`` and ``en`` are thresholds; the other names are those of ``CleanSettings``.
    """
    bounds = {"default": {"min_characters": 2, "max_characters": 40}}
    groups = {name: Thresholds(**changes.pop(name, bounds.get(name, {}))) for name in ("default", "zh", "en")}
    made: dict[str, Any] = {
        "thresholds": LanguageThresholds(**groups),
        "near_duplicates": None,
        "contamination": None,
        "substrings": None,
        "split": SplitSettings(validation=0.2, test=0.3),
    }
    return CleanSettings(**(made | changes))


def row(text: str, label: str | None = None, target: str | None = None) -> Row:
    """A document."""
    return text, label, target


def table(source: str, rows: Iterable[Row]) -> pl.DataFrame:
    """Rows as ingest writes them, with ids ``source:1`` and so on."""
    full = [
        (f"{source}:{n:03d}", source, text, label, target, "en", None, None, None)
        for n, (text, label, target) in enumerate(rows, start=1)
    ]
    return pl.DataFrame(full, dict.fromkeys(RAW, pl.String), orient="row")


def write_raw(
    folder: Path, tables: Mapping[str, pl.DataFrame], roles: Mapping[str, str] | None = None
) -> None:
    """``data/raw`` with these tables and a manifest, made anew; ``roles`` of the sources that are no text."""
    remove(folder)
    folder.mkdir(parents=True)
    for name, frame in tables.items():
        frame.write_parquet(folder / f"{name}.parquet")
    entries = {
        name: {
            "role": (roles or {}).get(name, "text"),
            "sha256": sha256_file(folder / f"{name}.parquet"),
            "files": [],
        }
        for name in tables
    }
    write_json(folder / "manifest.json", {"sources": entries})


def measure_tables(
    folder: Path,
    tables: Mapping[str, pl.DataFrame],
    workers: int = 1,
    roles: Mapping[str, str] | None = None,
) -> Path:
    """``folder/measured`` of these tables."""
    write_raw(folder / "raw", tables, roles)
    remove(folder / "measured")
    runtime = RuntimeSettings(workers=workers)
    measure(folder / "raw", folder / "measured", folder / "parts", MEASURE, runtime)
    return folder / "measured"


def clean_tables(
    folder: Path, tables: Mapping[str, pl.DataFrame], roles: Mapping[str, str] | None = None, **changes: Any
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All documents and all drops of a clean of these tables, in ``folder/clean``."""
    measured = measure_tables(folder, tables, roles=roles)
    remove(folder / "clean")
    clean(measured, folder / "clean", settings(**changes))
    documents, drops = (
        pl.concat([pl.read_parquet(path) for path in sorted((folder / "clean" / kind).glob("*.parquet"))])
        for kind in ("documents", "drops")
    )
    return documents, drops


def clean_rows(folder: Path, rows: Sequence[Row] | Mapping[str, Sequence[Row]], **changes: Any) -> Any:
    """The same from rows, of one source called ``s`` or of several."""
    sources = rows if isinstance(rows, Mapping) else {"s": rows}
    return clean_tables(folder, {name: table(name, part) for name, part in sources.items()}, **changes)


def reasons(drops: pl.DataFrame) -> dict[str, list[tuple[str, str]]]:
    """Reasons by id."""
    return {r["id"]: [(x["rule"], x["value"]) for x in r["reasons"]] for r in drops.to_dicts()}
