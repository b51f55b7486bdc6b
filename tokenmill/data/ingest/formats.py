"""Which reader reads a file."""

from collections.abc import Mapping

from tokenmill.core.errors import UserError
from tokenmill.data.ingest.articles import read_articles
from tokenmill.data.ingest.delimited import read_delimited
from tokenmill.data.ingest.files import SourceFile
from tokenmill.data.ingest.line_formats import read_jsonl, read_tagged, read_txt
from tokenmill.data.ingest.lines import suffix
from tokenmill.data.ingest.packed import is_compressed
from tokenmill.data.ingest.pairs import read_catalog, read_conversations
from tokenmill.data.ingest.po import read_po
from tokenmill.data.ingest.records import Rows
from tokenmill.data.ingest.settings import Quoting
from tokenmill.data.ingest.tables import read_parquet

SUFFIXES = {
    ".txt": "txt",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".po": "po",
}
LINE_FORMATS = ("txt", "jsonl", "csv", "tsv", "tagged", "articles")


def read_file(file: SourceFile, format_: str, columns: Mapping[str, str], quoting: Quoting) -> Rows:
    """A file's rows, by its format; ``auto`` goes by the suffix.

    Raises:
        UserError: the suffix tells no format, or the format cannot be compressed.
    """
    if format_ == "auto":
        format_ = SUFFIXES.get(suffix(file.name), "auto")
        if format_ == "auto":
            raise UserError(
                f"{file.name}: the suffix tells no format; set `format` of the source in params.yaml "
                f"(by suffix: {', '.join(SUFFIXES)}, also with .gz or .zst)"
            )
    if is_compressed(file.name) and format_ not in LINE_FORMATS:
        raise UserError(f"{file.name}: {format_} cannot be read compressed; decompress it")
    match format_:
        case "txt":
            return read_txt(file)
        case "jsonl":
            return read_jsonl(file, columns)
        case "csv" | "tsv":
            return read_delimited(file, columns, "," if format_ == "csv" else "\t", quoting)
        case "parquet":
            return read_parquet(file, columns)
        case "tagged":
            return read_tagged(file)
        case "articles":
            return read_articles(file)
        case "catalog":
            return read_catalog(file)
        case "po":
            return read_po(file)
        case _:
            return read_conversations(file)
