"""A source of files written by a test, ingested."""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import zstandard

from tokenmill.core.files import remove
from tokenmill.data.ingest.run import ingest
from tokenmill.data.ingest.settings import FilesSource, Source

PACK = {".gz": gzip.compress, ".zst": lambda data: zstandard.ZstdCompressor().compress(data)}


def write_files(root: Path, files: Mapping[str, bytes | str]) -> None:
    """Write files below ``root``, packed where the name says so."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes(PACK.get(path.suffix, bytes)(data))


def run(folder: Path, name: str, source: Source) -> dict[str, Any]:
    """Ingest one source from ``folder/sources`` into ``folder/raw`` (made anew); returns the totals."""
    remove(folder / "raw")
    return ingest({name: source}, folder / "sources", folder / "raw", folder / "work")


def read_source(
    folder: Path, files: Mapping[str, bytes | str], **settings: Any
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Documents and rejects of a source called ``mine``; all lines may be bad unless settings differ."""
    write_files(folder / "sources", files)
    settings = {"paths": sorted(files), "max_bad_share": 1.0} | settings
    run(folder, "mine", FilesSource(kind="files", **settings))
    documents, rejects = (folder / f"raw/mine{kind}.parquet" for kind in ("", ".rejects"))
    empty = pl.DataFrame(schema={"file": pl.String, "line": pl.Int64, "reason": pl.String, "raw": pl.String})
    return pl.read_parquet(documents), pl.read_parquet(rejects) if rejects.exists() else empty


def notes(folder: Path) -> list[str]:
    """What ingest said about the source, as the manifest keeps it."""
    entry = json.loads((folder / "raw/manifest.json").read_text("utf-8"))["sources"]["mine"]
    return list(entry.get("notes", []))
