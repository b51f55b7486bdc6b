"""Tokenizing to shards: our stage's encoder against datatrove's DocumentTokenizer, with the same tokenizer.

``python -m benchmarks.tokenize --datatrove PYTHON``: see benchmarks/clean.py for PYTHON. Both read the same
parquet files and are timed as whole commands, from start to exit; training the tokenizer is not part of it.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from benchmarks.clean import (
    FILES,
    ROOT,
    WORKERS,
    Run,
    announced,
    middle,
    new_parser,
    print_ratio,
    timed,
)
from tokenmill.data.documents.parquet import write_parquet
from tokenmill.text.special import OURS
from tokenmill.tokenization.encode import new_encoder
from tokenmill.tokenization.parts import open_table
from tokenmill.tokenization.run import small_sample, write_shards
from tokenmill.tokenization.train import train_tokenizer

VOCAB_SIZE = 8192


def encode_folder(folder: Path, workers: int) -> None:
    """Our side: shards and manifest of all documents of ``folder/documents``, with its tokenizer."""
    started = time.perf_counter()
    tables = {path.stem: open_table(folder, path.stem) for path in sorted((folder / "documents").iterdir())}
    encoder = new_encoder(folder, OURS, small_sample(list(tables.values())))
    metrics = write_shards(encoder, folder, tables, name="benchmark", ancestry={}, workers=workers)
    seconds = {"tokenize": time.perf_counter() - started}
    print(json.dumps({"seconds": seconds, "tokens": metrics["tokens"]["train"]}))


def write_documents(folder: Path, language: str, documents: Sequence[str]) -> None:
    """The documents as clean would write them, all for training: a table for each of ``FILES`` sources."""
    (folder / "documents").mkdir(parents=True)
    for number in range(FILES):
        table = pl.DataFrame({"text": documents[number::FILES]}).with_columns(split=pl.lit("train"))
        path = folder / "documents" / f"{language}-{number}.parquet"
        size = sum(len(text.encode()) for text in documents[number::FILES])
        write_parquet(table.lazy(), path, rows=table.height, text_bytes=size)


def compare(language: str, arguments: argparse.Namespace) -> None:
    """Print both sides' figures for a language."""
    documents, megabytes = announced(language, arguments.megabytes)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_documents(folder, language, documents)
        trained = train_tokenizer(documents[::4], algorithm="bpe", vocab_size=VOCAB_SIZE, max_han_run=8)
        raw = str(folder / "documents")
        (folder / "tokenizer.json").write_text(trained.to_str(), "utf-8")
        script = str(ROOT / "benchmarks/datatrove_run.py")
        commands = {"ours": [sys.executable, "-m", "benchmarks.tokenize", "--encode", str(folder)]}
        if arguments.datatrove:
            tokenizer = str(folder / "tokenizer.json")
            commands["datatrove"] = [arguments.datatrove, "-P", script, "tokenize", tokenizer, raw]
        found: dict[str, Run] = {}
        for name, command in commands.items():
            outs = [
                [] if name == "ours" else [str(folder / f"{name}-{run}")] for run in range(arguments.runs)
            ]
            found[name] = one = middle([timed([*command, *out], folder / "log") for out in outs])
            inside = one.result["seconds"]["tokenize"]
            print(
                f"  {name:<10}{one.wall:6.1f} s {megabytes / one.wall:6.1f} MB/s  cpu {one.cpu:.1f} s  after "
                f"the start {inside:.1f} s {megabytes / inside:.1f} MB/s  {one.result['tokens']:,} tokens",
                flush=True,
            )
        if "datatrove" in found:
            print_ratio(found["datatrove"], found["ours"])


def main() -> None:
    """Print a table for each language."""
    parser = new_parser("tokenize", __doc__, megabytes=80)
    parser.add_argument("--encode", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.encode:
        encode_folder(arguments.encode, WORKERS)
        return
    for language in arguments.languages:
        compare(language, arguments)


if __name__ == "__main__":
    main()
