"""All sources, one after the other, and the manifest that says where each byte came from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenmill.core.files import remove, write_json
from tokenmill.data.ingest.collect import Counts
from tokenmill.data.ingest.settings import Source
from tokenmill.data.ingest.source import ingest_source


def ingest(sources: Mapping[str, Source], root: Path, out: Path, work: Path) -> dict[str, int]:
    """Write ``out/<source>.parquet`` for each source and ``out/manifest.json``; returns the totals.

    Documents have the columns ``DOCUMENTS`` (text; null but for the first three where there is none).
    Files are read in order of their names, so the bytes written depend on content alone.

    Raises:
        UserError: a source cannot be read.
    """
    remove(work)
    out.mkdir(parents=True)
    manifest: dict[str, Any] = {}
    total = Counts()
    for name in sorted(sources):
        entry = ingest_source(name, sources[name], root, out, work)
        counts = Counts(entry["documents"], entry["characters"], entry["rejects"])
        total.add(counts)
        manifest[name] = entry
        print(f"{name}: {counts.documents:,} documents, {counts.characters:,} characters", end="")
        print(f", {counts.rejects:,} rejects" if counts.rejects else "", flush=True)
        for note in entry.get("notes", ()):
            print(f"{name}: {note}", flush=True)
    remove(work)
    write_json(out / "manifest.json", {"sources": manifest, "total": total.as_dict()})
    return total.as_dict()
