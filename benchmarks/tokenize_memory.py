"""Peak memory of tokenizing for corpora of several sizes: it should not follow the size.

``python -m benchmarks.tokenize_memory``: trains a tokenizer on Chinese text of each size and writes shards of
all of it, with two workers. 2 GB take about ten minutes.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.clean import FILES, WORKERS, Run, announced, timed
from benchmarks.tokenize import VOCAB_SIZE, write_documents
from tokenmill.core.files import write_json
from tokenmill.tokenization.run import tokenize
from tokenmill.tokenization.settings import TokenizeSettings


def tokenize_folder(folder: Path, language: str) -> None:
    """What ``python -m stages.tokenize`` does, with a tokenizer for ``folder/documents``."""
    settings = TokenizeSettings(
        sources=[f"{language}-{number}" for number in range(FILES)],
        algorithm="bpe",
        vocab_size=VOCAB_SIZE,
        max_han_run=8,
    )
    print(json.dumps(tokenize(folder, folder / "tokens", settings, name="benchmark", workers=WORKERS)))


def measured(language: str, megabytes: float) -> Run:
    """What the stage takes for a corpus of a size; prints it."""
    documents, size = announced(language, megabytes)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_documents(folder, language, documents)
        del documents  # the stage runs in processes of its own, but this one's memory is the machine's
        raw = {f"{language}-{number}": {"sha256": ""} for number in range(FILES)}
        write_json(folder / "manifest.json", {"raw": raw, "params": {"sha256": ""}})
        command = [sys.executable, "-m", "benchmarks.tokenize_memory", "--language", language]
        run = timed([*command, "--tokenize", name], folder / "log")
    print(
        f"  {run.peak:6.2f} GB at most  {run.wall:7.1f} s  cpu {run.cpu:.1f} s  "
        f"{size / run.cpu:.2f} MB a processor second",
        flush=True,
    )
    return run


def main() -> None:
    """Print each size's figures, and how the largest compares with the smallest."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tokenize_memory", description=__doc__)
    parser.add_argument("--megabytes", type=float, nargs="+", default=[200, 2000])
    parser.add_argument("--language", choices=["zh", "en"], default="zh")
    parser.add_argument("--tokenize", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.tokenize:
        tokenize_folder(arguments.tokenize, arguments.language)
        return
    sizes = sorted(arguments.megabytes)
    peaks = [measured(arguments.language, size).peak for size in sizes]
    print(f"{sizes[-1] / sizes[0]:g} times the text: {peaks[-1] / peaks[0]:.2f} times the memory")


if __name__ == "__main__":
    main()
