"""The process that reads parquet files and datasets for :mod:`tokenmill.data.ingest.apart`.

It takes pickled questions on stdin, and answers on stdout with names of columns, with pieces of a table by
column, or with a problem in one line.
"""

import os
import pickle
import resource
import signal
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from tokenmill.data.ingest.packed import FREE, MAX_RATIO

BATCH_ROWS = (8192, 256, 1)
"""Rows read at a time: as many as a file allows within ``memory_bytes``."""
ROW_BYTES = 16
"""Counted for each row besides its values: millions of nulls take a few bytes of a file."""
PIECE_BYTES = 8 << 20
"""Of a batch this much is sent at a time."""


class Problem(Exception):
    """What is wrong with a table, in words for the person who has it."""


class Table(ABC):
    """A table that is open."""

    memory_bytes: int
    """What the process may hold while it is open."""
    columns: list[str]
    most_bytes: int | None = None
    """What it may unpack to, where a small file could hold far too much."""

    @abstractmethod
    def batches(self, columns: list[str], first: int, rows: int) -> Iterator[pa.RecordBatch]:
        """Its rows from ``first`` on, at most so many at a time."""


class Parquet(Table):
    """A parquet file. Those that anyone reads take some hundred megabytes."""

    memory_bytes = 1 << 30

    def __init__(self, path: str) -> None:
        try:
            # Neither memory for a whole group of rows, nor threads that would read groups ahead.
            self._file = pyarrow.parquet.ParquetFile(
                pa.OSFile(path), pre_buffer=False, buffer_size=1 << 20, page_checksum_verification=True
            )
        except (pa.ArrowException, OSError, ValueError) as error:
            raise Problem(f"no readable parquet file ({first_line(error)})") from None
        self.columns = list(self._file.schema_arrow.names)
        self.most_bytes = max(FREE, MAX_RATIO * os.path.getsize(path))

    def batches(self, columns: list[str], first: int, rows: int) -> Iterator[pa.RecordBatch]:
        """Groups of rows before ``first`` are left out."""
        for group in range(self._file.num_row_groups):
            length = self._file.metadata.row_group(group).num_rows
            if first >= length:
                first -= length
                continue
            for batch in self._file.iter_batches(rows, [group], columns, use_threads=False):
                if first < batch.num_rows:
                    yield batch.slice(first)
                first = max(first - batch.num_rows, 0)


class Dataset(Table):
    """A dataset of the Hugging Face library: a folder of ``save_to_disk``, or one on a hub."""

    memory_bytes = 4 << 30  # preparing what was downloaded takes columns that are not read, such as pictures

    def __init__(self, folder: str | None, name: str, subset: str | None, split: str, revision: str) -> None:
        try:
            import datasets
        except ImportError:
            raise Problem("needs `pip install 'tokenmill[huggingface]'`") from None
        datasets.disable_progress_bars()
        try:
            if folder is not None:
                loaded = datasets.load_from_disk(folder)
            else:
                loaded = datasets.load_dataset(name, subset, revision=revision)
        except Exception as error:  # the library raises many kinds, for names as for networks
            raise Problem(f"cannot be loaded: {first_line(error)}") from None
        if isinstance(loaded, datasets.DatasetDict):
            if split not in loaded:
                raise Problem(f"has no split {split!r}; it has {', '.join(loaded)}; set `split`")
            loaded = loaded[split]
        self._data = loaded
        self.columns = list(loaded.column_names)

    def batches(self, columns: list[str], first: int, rows: int) -> Iterator[pa.RecordBatch]:
        """Class labels become their names; -1, an example without a label, becomes null."""
        classes = {c: names for c in columns if (names := _class_names(self._data.features[c])) is not None}
        data = self._data.select_columns(columns).with_format("arrow")
        for place in range(first, len(data), rows):
            table = data[place : place + rows]
            for column, names in classes.items():
                labels = [_named(number, names) for number in table.column(column).to_pylist()]
                table = table.set_column(table.column_names.index(column), column, pa.array(labels))
            yield from table.to_batches()


def _class_names(feature: Any) -> list[str] | None:
    """Names of a feature's classes, or of those of its elements."""
    names = getattr(getattr(feature, "feature", feature), "names", None)
    return None if names is None else list(names)


def _named(number: Any, names: list[str]) -> Any:
    if isinstance(number, list):
        return [_named(element, names) for element in number]
    return names[number] if number is not None and number >= 0 else None


OPEN: dict[str, type[Table]] = {"parquet": Parquet, "dataset": Dataset}


def pieces(table: Table, columns: list[str], max_bytes: int) -> Iterator[list[list[Any]]]:
    """The rows of a table, as lists of values by column, in bounded memory.

    Raises:
        Problem: they are damaged, take too much memory, or come to far more than the file holds.
    """
    done = sent = 0
    for rows in BATCH_ROWS:
        try:
            for batch in table.batches(sorted(set(columns)), done, rows):
                size = sum(map(unpacked_bytes, batch.columns)) + ROW_BYTES * batch.num_rows
                if table.most_bytes is not None and sent + size > table.most_bytes:
                    raise Problem(
                        f"{done + batch.num_rows:,} rows come to over {MAX_RATIO} times the size of "
                        f"its file; if that is meant, write it as .jsonl"
                    )
                sent += size
                step = max(PIECE_BYTES * batch.num_rows // max(size, 1), 1)
                for first in range(0, batch.num_rows, step):
                    part = batch.slice(first, step)
                    yield [values(part.column(part.schema.get_field_index(c)), max_bytes) for c in columns]
                    done += part.num_rows
            return
        except (pa.ArrowMemoryError, MemoryError):
            continue
        except (pa.ArrowException, OSError, ValueError, IndexError) as error:
            raise Problem(f"damaged after row {done:,} ({first_line(error)})") from None
    raise Problem(
        f"takes over {table.memory_bytes >> 30} GiB of memory after row {done:,}; write it as .jsonl, or "
        f"in smaller pages"
    )


def unpacked_bytes(column: pa.Array) -> int:
    """What the values of a column come to, each by itself also where a dictionary holds it once."""
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    try:
        lengths = pc.binary_length(column.dictionary)
    except pa.ArrowNotImplementedError:  # values of another type, of a few bytes
        return int(column.nbytes)
    return int(pc.sum(lengths.take(column.indices)).as_py() or 0)


def values(column: pa.Array, max_bytes: int) -> list[Any]:
    """A column as Python has it. Text that is no UTF-8 stays bytes."""
    try:
        found = column.to_pylist()
    except UnicodeDecodeError:
        found = [text(value) for value in column.cast(pa.large_binary()).to_pylist()]
    if unpacked_bytes(column) > max_bytes:
        found = [value[: max_bytes + 1] if isinstance(value, str) else value for value in found]
    return list(found)


def text(value: bytes | None) -> str | bytes | None:
    """Bytes as the text that they are."""
    try:
        return None if value is None else value.decode("utf-8")
    except UnicodeDecodeError:
        return value


def first_line(error: BaseException) -> str:
    """What an error says, in bounded length."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def main(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer until there is nobody to ask."""

    def say(kind: str, value: Any = None) -> None:
        pickle.dump((kind, value), answers)
        answers.flush()

    table: Table | None = None
    while True:
        try:
            question, *details = pickle.load(questions)
        except EOFError:
            return
        try:
            if question == "open":
                kind, arguments = details
                most = resource.getrlimit(resource.RLIMIT_DATA)[1]
                resource.setrlimit(resource.RLIMIT_DATA, (OPEN[kind].memory_bytes, most))
                table = OPEN[kind](**arguments)
                say("columns", table.columns)
            else:
                assert table is not None
                for piece in pieces(table, *details):
                    say("rows", piece)
                say("end")
        except BrokenPipeError:
            return
        except Problem as problem:
            say("problem", str(problem))
        except BaseException as error:  # a panic of a native library is no Exception
            say("problem", f"cannot be read ({first_line(error)})")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with os.fdopen(os.dup(1), "wb") as stdout:
        os.dup2(2, 1)  # what libraries print is no answer
        main(sys.stdin.buffer, stdout)
