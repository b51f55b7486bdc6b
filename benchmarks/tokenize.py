"""Tokenizing to shards: our stage's encoder against datatrove's DocumentTokenizer, with the same tokenizer.

``python -m benchmarks.tokenize --datatrove PYTHON``: see benchmarks/clean.py for PYTHON. Both read the same
parquet files and are timed as whole commands, from start to exit; training the tokenizer is not part of it.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.clean import (
    ROOT,
    WORKERS,
    Run,
    announced,
    middle,
    new_parser,
    print_ratio,
    timed,
    write_raw,
)

VOCAB_SIZE = 8192


def encode_folder(raw: Path, folder: Path, workers: int) -> None:
    """Our side: shards and manifest of all documents of ``raw``, with the tokenizer of ``folder``."""
    import polars as pl

    from tokenmill.tokenization.run import write_shards

    started = time.perf_counter()
    texts = pl.read_parquet(raw / "*.parquet", columns=["text"])["text"].to_list()
    metrics = write_shards(folder, {"train": texts}, ancestry={}, workers=workers)
    seconds = {"tokenize": time.perf_counter() - started}
    print(json.dumps({"seconds": seconds, "tokens": metrics["train"]["tokens"]}))


def compare(language: str, arguments: argparse.Namespace) -> None:
    """Print both sides' figures for a language."""
    from tokenmill.tokenization.train import train_tokenizer

    documents, megabytes = announced(language, arguments.megabytes)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_raw(folder, language, documents)
        trained = train_tokenizer(documents[::4], algorithm="bpe", vocab_size=VOCAB_SIZE, max_han_run=8)
        raw = str(folder / "raw")
        (folder / "tokenizer.json").write_text(trained.to_str(), "utf-8")
        script = str(ROOT / "benchmarks/datatrove_run.py")
        commands = {"ours": [sys.executable, "-m", "benchmarks.tokenize", "--encode", raw, str(folder)]}
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
    parser.add_argument("--encode", nargs=2, type=Path, metavar=("RAW", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.encode:
        encode_folder(*arguments.encode, WORKERS)
        return
    for language in arguments.languages:
        compare(language, arguments)


if __name__ == "__main__":
    main()
