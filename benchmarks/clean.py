"""Cleaning: our two stages against datatrove's filters and MinHash, on the same files with two workers each.

``python -m benchmarks.clean --datatrove PYTHON``: PYTHON is an interpreter of its own environment, made with
``pip install 'datatrove[io,processing]' spacy jieba``. Both sides are timed as whole commands, from start to
exit, and write all that they keep and all that they drop. Without the option, only our side runs.
"""

import polars as pl

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.corpus import corpus, digest
from benchmarks.rules import print_rules

ROOT = Path(__file__).resolve().parents[1]
FILES = 2
"""As many input files as workers: datatrove shares out files."""
WORKERS = 2


def write_raw(folder: Path, language: str, documents: Sequence[str]) -> None:
    """The documents as ingest would write them: a table for each of ``FILES`` sources, and the manifest."""
    from tokenmill.core.files import sha256_file, write_json
    from tokenmill.data.ingest.table_writer import DOCUMENTS

    (folder / "raw").mkdir(parents=True)
    sources = {}
    for number in range(FILES):
        name = f"{language}-{number}"
        rows = [
            (f"{name}:{place}", name, text, None, None, language)
            for place, text in enumerate(documents[number::FILES])
        ]
        table = pl.DataFrame(rows, dict.fromkeys(DOCUMENTS, pl.String), orient="row")
        path = folder / "raw" / f"{name}.parquet"
        table.write_parquet(path, compression="zstd", row_group_size=2048)
        sources[name] = {"sha256": sha256_file(path), "files": []}
    write_json(folder / "raw" / "manifest.json", {"sources": sources})


@dataclass(frozen=True)
class Run:
    """What a command took."""

    wall: float
    """Seconds from start to exit."""
    cpu: float
    """Seconds of all its processes; says more than ``wall`` where others use the machine too."""
    peak: float
    """Resident memory of all its processes, in 10^9 bytes; pages that they share count for each."""
    result: dict[str, Any]
    """The JSON object that it printed last."""


def timed(command: Sequence[str], log: Path) -> Run:
    """Run a command to its end, looking at all its processes twenty times a second."""
    started, peak = time.perf_counter(), 0
    used: dict[int, float] = {}
    with log.open("w+") as output:
        process = psutil.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        while process.poll() is None:
            peak = max(peak, _look(process, used))
            time.sleep(0.05)
        wall = time.perf_counter() - started
        output.seek(0)
        lines = output.read().splitlines()
    if process.returncode:
        raise SystemExit("\n".join(lines[-20:]))
    return Run(wall, sum(used.values()), peak / 1e9, json.loads(lines[-1]))


def _look(process: psutil.Process, used: dict[int, float]) -> int:
    """Resident bytes of a process and its descendants; notes the processor time of each in ``used``."""
    total = 0
    for one in (process, *process.children(recursive=True)):
        try:
            total += one.memory_info().rss
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        used[one.pid] = times.user + times.system
    return total


def middle(runs: Sequence[Run]) -> Run:
    """The run with the median wall time."""
    return sorted(runs, key=lambda run: run.wall)[len(runs) // 2]


def repeated(name: str, command: Sequence[str], megabytes: float, runs: int, folder: Path) -> Run:
    """Run a command that writes to ``OUT``, a new folder each time, and print its figures."""
    results = []
    for run in range(runs):
        out = folder / f"{name}-{run}"
        if name == "ours":
            out.mkdir()
            (out / "raw").symlink_to(folder / "raw")
        results.append(timed([part.replace("OUT", str(out)) for part in command], folder / "log"))
    one = middle(results)
    walls = " ".join(f"{run.wall:.1f}" for run in results)
    print(
        f"  {name:<10} {one.wall:6.1f} s  {megabytes / one.wall:6.3f} MB/s  cpu {one.cpu:.1f} s  "
        f"{one.peak:.2f} GB  (runs: {walls})"
    )
    for what, form in (("seconds", ".1f"), ("documents", ",")):
        print(f"    {what}: " + ", ".join(f"{key} {value:{form}}" for key, value in one.result[what].items()))
    sys.stdout.flush()
    return one


def print_ratio(theirs: Run, ours: Run) -> None:
    """How much faster ours is."""
    print(f"  faster than datatrove: {theirs.wall / ours.wall:.1f} x wall, {theirs.cpu / ours.cpu:.1f} x cpu")


def announced(language: str, wanted: float) -> tuple[list[str], float]:
    """The corpus of a language and its size in MB, both printed with its digest."""
    documents = corpus(language, wanted)
    megabytes = sum(len(text.encode()) for text in documents) / 1e6
    print(f"{language}: {len(documents):,} documents, {megabytes:.1f} MB, corpus {digest(documents)}")
    return documents, megabytes


def new_parser(name: str, description: str | None, megabytes: float) -> argparse.ArgumentParser:
    """The options that the benchmarks beside datatrove share."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=description)
    parser.add_argument("--datatrove", metavar="PYTHON", help="interpreter of an environment with datatrove")
    parser.add_argument("--languages", nargs="+", choices=["zh", "en"], default=["zh", "en"])
    parser.add_argument("--megabytes", type=float, default=megabytes, help="of each language")
    parser.add_argument("--runs", type=int, default=3)
    return parser


def compare(language: str, arguments: argparse.Namespace) -> None:
    """Print both sides' figures for a language."""
    documents, megabytes = announced(language, arguments.megabytes)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_raw(folder, language, documents)
        command = [sys.executable, "-m", "benchmarks.clean_run", "OUT", str(WORKERS)]
        ours = repeated("ours", command, megabytes, arguments.runs, folder)
        if arguments.datatrove:
            script = str(ROOT / "benchmarks/datatrove_run.py")
            command = [arguments.datatrove, "-P", script, "clean", language, str(folder / "raw"), "OUT"]
            theirs = repeated("datatrove", command, megabytes, arguments.peer_runs, folder)
            print_ratio(theirs, ours)
        if arguments.rules:
            print_rules(folder / "raw", megabytes)


def main() -> None:
    """Print a table for each language."""
    parser = new_parser("clean", __doc__, megabytes=10.5)
    parser.add_argument("--peer-runs", type=int, default=3)
    parser.add_argument("--rules", action="store_true", help="also the time of each rule")
    arguments = parser.parse_args()
    for language in arguments.languages:
        compare(language, arguments)


if __name__ == "__main__":
    main()
