"""One source: its files read, its documents and rejects written, its entry in the manifest."""

from pathlib import Path
from typing import Any

from tokenmill.core.files import sha256_file
from tokenmill.core.normalization import OF_SOURCE
from tokenmill.data.ingest.articles import by_article
from tokenmill.data.ingest.collect import Collector
from tokenmill.data.ingest.files import SourceFile, file_labels, licence_of, local_files, package_files
from tokenmill.data.ingest.formats import read_file
from tokenmill.data.ingest.records import Record, Rows
from tokenmill.data.ingest.settings import HuggingFaceSource, PackageSource, Source
from tokenmill.data.ingest.table_writer import DOCUMENTS, REJECTS, TableWriter
from tokenmill.data.ingest.tables import dataset_folder, read_dataset


def ingest_source(name: str, source: Source, root: Path, out: Path, work: Path) -> dict[str, Any]:
    """Read one source into ``out/<name>.parquet`` and ``<name>.rejects.parquet``; returns its manifest entry.

    ``root`` is data/sources; ``work`` holds parts while they grow. Without rejects there is no file of them.

    Raises:
        UserError: a file, column or package is missing, too many lines are bad, or there is no document.
    """
    documents, rejects = TableWriter(DOCUMENTS, work / name), TableWriter(REJECTS, work / f"{name}.rejects")
    collector = Collector(name, source, documents, rejects)
    columns = {"text": "text"} | {str(ours): theirs for ours, theirs in source.columns.items()}
    entry: dict[str, Any] = {"kind": source.kind, "role": source.role, "language": source.language}
    licence = source.license or "unknown"
    if isinstance(source, HuggingFaceSource):
        entry |= _describe_dataset(source, root)
        collector.collect(source.dataset, read_dataset(name, source, root, columns), None)
    else:
        if isinstance(source, PackageSource):
            files, distribution = package_files(name, source)
            entry["package"] = {"name": source.package, "version": distribution.version}
            licence = source.license or licence_of(distribution)
        else:
            files = local_files(name, source, root)
        labels = file_labels(name, source.labels, files)
        entry["files"] = []
        for file in files:
            rows = read_file(file, source.format, columns, source.quoting)
            if source.group == "article":
                rows = by_article(file, rows)
            elif source.group == "folder":
                rows = _by_folder(file, rows)
            counts = collector.collect(file.name, rows, labels.get(file.name))
            read = [file] if file.target is None else [file, file.target]
            for each in read:
                for note in sorted(each.notes):
                    collector.files_by_note.setdefault(note, []).append(each.name)
            described, *target = map(_describe_file, read)
            of_targets = {"target": target[0]} if target else {}
            entry["files"].append({**described, **counts.as_dict(), **of_targets})
    collector.check()
    documents.finish(out / f"{name}.parquet", labels=collector.labels.folded())
    if rejects.rows:
        rejects.finish(out / f"{name}.rejects.parquet")
    notes = collector.notes()
    if collector.is_code(file["name"] for file in entry.get("files", ())):
        entry |= {"remove_html": False, "keep_white_space": True}
        notes.append(
            "program code: what looks like HTML stays, and so does white space; `remove_html` and "
            "`keep_white_space` of the source say otherwise"
        )
    entry |= {key: said for key in OF_SOURCE if (said := getattr(source, key)) is not None}
    if notes:
        entry["notes"] = notes
    digest = sha256_file(out / f"{name}.parquet")
    return {**entry, "license": licence, **collector.total.as_dict(), "sha256": digest}


def _by_folder(file: SourceFile, rows: Rows) -> Rows:
    """The documents of a file, with the folder that it is in as their group."""
    folder = file.name.rpartition("/")[0]
    for row in rows:
        yield row._replace(group=folder) if isinstance(row, Record) else row


def _describe_file(file: SourceFile) -> dict[str, Any]:
    return {"name": file.name, "sha256": sha256_file(file.path), "bytes": file.path.stat().st_size}


def _describe_dataset(source: HuggingFaceSource, root: Path) -> dict[str, Any]:
    named = {
        "name": source.dataset,
        "subset": source.subset,
        "split": source.split,
        "revision": source.revision,
    }
    described: dict[str, Any] = {"dataset": named}
    folder = dataset_folder(source, root)
    if folder is not None:
        described["files"] = [
            {"name": f.relative_to(root).as_posix(), "sha256": sha256_file(f), "bytes": f.stat().st_size}
            for f in sorted(folder.rglob("*"))
            if f.is_file()
        ]
    return described
