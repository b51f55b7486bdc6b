"""Which reader reads a file."""

from collections.abc import Mapping

from tokenmill.core.errors import UserError
from tokenmill.data.ingest.articles import read_articles
from tokenmill.data.ingest.catalog import read_catalog
from tokenmill.data.ingest.chatterbot import read_conversations, read_pairs
from tokenmill.data.ingest.cloze import read_cloze
from tokenmill.data.ingest.conll import read_conll
from tokenmill.data.ingest.delimited import read_delimited
from tokenmill.data.ingest.files import SourceFile
from tokenmill.data.ingest.line_formats import read_document, read_jsonl, read_tagged, read_txt
from tokenmill.data.ingest.mo import read_mo
from tokenmill.data.ingest.names import FORMATS, is_compressed, suffix
from tokenmill.data.ingest.object_formats import fields_of, object_rows
from tokenmill.data.ingest.objects import read_objects
from tokenmill.data.ingest.parallel import read_parallel
from tokenmill.data.ingest.po import read_po
from tokenmill.data.ingest.questions import read_squad
from tokenmill.data.ingest.records import Rows
from tokenmill.data.ingest.settings import Format, ObjectFormat, Quoting
from tokenmill.data.ingest.tables import read_parquet
from tokenmill.data.ingest.tmx import read_tmx

NEVER_COMPRESSED = ("parquet", "catalog", "po", "mo", "conversations")


def read_file(file: SourceFile, format_: Format, columns: Mapping[str, str], quoting: Quoting) -> Rows:
    """A file's rows, by its format; ``auto`` goes by the suffix.

    Raises:
        UserError: the suffix tells no format, or the format cannot be compressed.
    """
    if format_ == "auto":
        format_ = FORMATS.get(suffix(file.name), "auto")
        if format_ == "auto":
            raise UserError(
                f"{file.name}: the suffix tells no format; set `format` of the source in params.yaml "
                f"(by suffix: {', '.join(FORMATS)}, also with .gz or .zst)"
            )
    if is_compressed(file.name) and format_ in NEVER_COMPRESSED:
        raise UserError(f"{file.name}: {format_} cannot be read compressed; decompress it")
    match format_:
        case "txt":
            return read_txt(file)
        case "file":
            return read_document(file)
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
        case "cloze":
            return read_cloze(file)
        case "conll":
            return read_conll(file, columns)
        case "catalog":
            return read_catalog(file)
        case "po":
            return read_po(file)
        case "mo":
            return read_mo(file)
        case "tmx":
            return read_tmx(file, columns)
        case "parallel":
            return read_parallel(file)
        case "conversations":
            return read_pairs(file)
        case _:
            return _read_objects(file, format_, columns)


def _read_objects(file: SourceFile, format_: ObjectFormat, columns: Mapping[str, str]) -> Rows:
    ending = suffix(file.name)
    if format_ == "messages" and ending in (".yml", ".yaml"):
        return read_conversations(file)
    if format_ == "squad" and ending not in (".jsonl", ".ndjson", ".parquet"):
        return read_squad(file)
    fields = fields_of(format_, columns)
    return object_rows(file.name, format_, lambda: read_objects(file, fields), columns, file.max_bytes)
