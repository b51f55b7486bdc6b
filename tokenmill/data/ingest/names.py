"""What the name of a file says: its format, and whether it is compressed."""

from tokenmill.data.ingest.settings import Format

COMPRESSIONS = (".gz", ".zst")
FORMATS: dict[str, Format] = {
    ".txt": "txt",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".po": "po",
    ".mo": "mo",
    ".tmx": "tmx",
    ".conll": "conll",
    ".bio": "conll",
}
"""By suffix, where ``format`` is ``auto``."""


def suffix(name: str) -> str:
    """The suffix that tells the format: ``.jsonl`` of ``a.jsonl.gz``."""
    for compression in COMPRESSIONS:
        name = name.removesuffix(compression)
    last = name.rpartition("/")[2]
    return f".{last.rpartition('.')[2].lower()}" if "." in last else ""


def is_compressed(name: str) -> bool:
    """Whether the file is decompressed as it is read."""
    return name.endswith(COMPRESSIONS)
