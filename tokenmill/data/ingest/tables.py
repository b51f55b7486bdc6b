"""Columnar input: parquet files, and datasets of the Hugging Face library."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.data.ingest.apart import open_table, read_rows
from tokenmill.data.ingest.files import SourceFile
from tokenmill.data.ingest.line_formats import check_columns, unread
from tokenmill.data.ingest.object_formats import fields_of, object_rows
from tokenmill.data.ingest.objects import Items, table_objects
from tokenmill.data.ingest.records import RAW_CHARACTERS, TOO_LONG, Record, Reject, Rows, make_record, show
from tokenmill.data.ingest.settings import HuggingFaceSource


def read_parquet(file: SourceFile, columns: Mapping[str, str]) -> Rows:
    """Rows of a parquet file, numbered from 1.

    Raises:
        UserError: it is no parquet file, is damaged, or lacks a column that is needed.
    """
    existing = open_table(file.name, "parquet", path=str(file.path))
    yield from _rows(file.name, existing, columns, file.max_bytes)


def _rows(where: str, existing: list[str], columns: Mapping[str, str], max_bytes: int) -> Rows:
    """The rows of the table that is open."""
    check_columns(where, columns, existing)
    if note := unread(existing, columns):
        yield note
    for number, values in enumerate(read_rows(where, list(columns.values()), max_bytes), start=1):
        yield record_or_reject(number, dict(zip(columns, values, strict=True)), max_bytes)


def record_or_reject(number: int, fields: Mapping[str, Any], max_bytes: int) -> Record | Reject:
    """A row's fields as a record, or as a reject that shows them."""
    try:
        for name in ("text", "target"):
            if isinstance(value := fields.get(name), str) and len(value) > max_bytes:
                raise ValueError(TOO_LONG)
        return make_record(number, fields)
    except ValueError as error:
        shown = {name: v[:RAW_CHARACTERS] if isinstance(v, str) else v for name, v in fields.items()}
        return Reject(number, str(error), show(repr(shown)))


HUB_NAME = re.compile(r"(?:[\w.-]+/)?[\w.-]+", re.ASCII)


def read_dataset(name: str, source: HuggingFaceSource, root: Path, columns: Mapping[str, str]) -> Rows:
    """Rows of a dataset: a folder of ``save_to_disk`` below ``root`` (data/sources), or one on a hub.

    Class labels become their names. Its columns are read by name, or its rows as objects of a format.

    Raises:
        UserError: the library is not installed, or the dataset, split or a column is not there.
    """
    where = f"params.yaml: sources.{name}.dataset {source.dataset!r}"
    folder = dataset_folder(source, root)
    if folder is None and source.revision is None:
        raise UserError(
            f"{where}: no folder of that name below {root.as_posix()}; save it there with "
            f"save_to_disk, or give the revision of a dataset on a hub"
        )
    # The library would take a folder of the name, or an address, before it asks the hub.
    if folder is None and (not HUB_NAME.fullmatch(source.dataset) or Path(source.dataset).exists()):
        raise UserError(
            f"{where}: no name on a hub, NAME or OWNER/NAME, or that of a file in this folder; mend it, or "
            f"save the dataset below {root.as_posix()}"
        )
    existing = open_table(
        where,
        "dataset",
        folder=None if folder is None else str(folder.resolve()),
        name=source.dataset,
        subset=source.subset,
        split=source.split,
        revision=source.revision,
    )
    if source.format == "table":
        yield from _rows(where, existing, columns, source.max_document_bytes)
        return
    fields = fields_of(source.format, columns)

    def open_() -> Items:
        return table_objects(where, existing, fields, source.max_document_bytes)

    yield from object_rows(where, source.format, open_, columns, source.max_document_bytes)


def dataset_folder(source: HuggingFaceSource, root: Path) -> Path | None:
    """The dataset's folder below ``root``; None when the name is one of a hub."""
    folder = root / source.dataset
    if not folder.exists():
        return None
    if not folder.resolve().is_relative_to(root.resolve()):
        raise UserError(
            f"{folder.as_posix()}: leads out of {root.as_posix()}, where changes go unseen; copy it there"
        )
    return folder
