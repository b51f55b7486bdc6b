"""Columnar input: parquet files, and datasets of the Hugging Face library."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tokenmill.core.errors import UserError
from tokenmill.data.ingest.files import SourceFile
from tokenmill.data.ingest.line_formats import check_columns, unread
from tokenmill.data.ingest.records import Record, Reject, Rows, make_record, show
from tokenmill.data.ingest.settings import HuggingFaceSource

BATCH_ROWS = 8192


def read_parquet(file: SourceFile, columns: Mapping[str, str]) -> Rows:
    """Rows of a parquet file, numbered from 1, in batches.

    Raises:
        UserError: it is no parquet file, or lacks a column that is needed.
    """
    try:
        existing = list(pl.read_parquet_schema(file.path))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UserError(f"{file.name}: no readable parquet file ({str(error).splitlines()[0]})") from None
    check_columns(file.name, columns, existing)
    if note := unread(existing, columns):
        yield note
    frame = pl.scan_parquet(file.path, glob=False).select(
        [pl.col(theirs).alias(ours) for ours, theirs in columns.items()]
    )
    try:
        yield from _rows(frame.collect_batches(chunk_size=BATCH_ROWS, maintain_order=True))
    except pl.exceptions.PolarsError as error:
        raise UserError(f"{file.name}: damaged parquet file ({str(error).splitlines()[0]})") from None


def _rows(batches: Iterator[pl.DataFrame]) -> Rows:
    number = 0
    for batch in batches:
        for fields in batch.iter_rows(named=True):
            number += 1
            yield record_or_reject(number, fields)


def record_or_reject(number: int, fields: Mapping[str, Any]) -> Record | Reject:
    """A row's fields as a record, or as a reject that shows them."""
    try:
        return make_record(number, fields)
    except ValueError as error:
        return Reject(number, str(error), show(repr(dict(fields))))


def read_dataset(name: str, source: HuggingFaceSource, root: Path, columns: Mapping[str, str]) -> Rows:
    """Rows of a dataset: a folder of ``save_to_disk`` below ``root`` (data/sources), or one on a hub.

    Class labels become their names.

    Raises:
        UserError: the library is not installed, or the dataset, split or a column is not there.
    """
    dataset = _load(name, source, root)
    existing = dataset.column_names
    check_columns(f"params.yaml: sources.{name}.dataset {source.dataset}", columns, existing)
    if note := unread(existing, columns):
        yield note
    features = dataset.features
    classes = {
        ours: features[theirs].names for ours, theirs in columns.items() if hasattr(features[theirs], "names")
    }
    number = 0
    for batch in dataset.select_columns(sorted(set(columns.values()))).iter(batch_size=BATCH_ROWS):
        for values in zip(*(batch[theirs] for theirs in columns.values()), strict=True):
            number += 1
            fields = dict(zip(columns, values, strict=True))
            for ours, names in classes.items():
                code = fields[ours]
                # -1 marks an example without a label.
                fields[ours] = names[code] if code is not None and code >= 0 else None
            yield record_or_reject(number, fields)


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


def _load(name: str, source: HuggingFaceSource, root: Path) -> Any:
    where = f"params.yaml: sources.{name}"
    folder = dataset_folder(source, root)
    if folder is None and source.revision is None:
        raise UserError(
            f"{where}.dataset: no folder {source.dataset!r} below {root.as_posix()}; save it there with "
            f"save_to_disk, or give the revision of a dataset on a hub"
        )
    try:
        import datasets
    except ImportError:
        raise UserError(f"{where}: needs `pip install 'tokenmill[huggingface]'`") from None
    datasets.disable_progress_bars()
    try:
        if folder is not None:
            loaded = datasets.load_from_disk(str(folder))
        else:
            loaded = datasets.load_dataset(source.dataset, source.subset, revision=source.revision)
    except Exception as error:  # the library raises many kinds, for names as for networks
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"{where}.dataset {source.dataset!r} cannot be loaded: {line}") from None
    if isinstance(loaded, datasets.DatasetDict):
        if source.split not in loaded:
            raise UserError(
                f"{where}.split {source.split!r} is not in {source.dataset}; it has {', '.join(loaded)}"
            )
        return loaded[source.split]
    return loaded
