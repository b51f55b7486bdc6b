"""Peak memory of cleaning for corpora of several sizes: it should not follow the size.

``python -m benchmarks.clean_memory``: measures and cleans English text of each size, with two workers, the
thresholds for web pages of docs/cleaning.md, and output written. 2 GB take about ten minutes.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.clean import WORKERS, Run, announced, timed, write_raw


def stages(language: str, megabytes: float) -> dict[str, Run]:
    """What each stage takes for a corpus of a size; prints it."""
    documents, size = announced(language, megabytes)
    found: dict[str, Run] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_raw(folder, language, documents)
        del documents  # the stages run in processes of their own, but this one's memory is the machine's
        for stage in ("measure", "clean"):
            command = [sys.executable, "-m", "benchmarks.clean_run", name, str(WORKERS), stage]
            found[stage] = run = timed(command, folder / "log")
            print(
                f"  {stage:<8}{run.peak:6.2f} GB at most  {run.wall:7.1f} s  cpu {run.cpu:.1f} s  "
                f"{size / run.cpu:.2f} MB a processor second",
                flush=True,
            )
    return found


def main() -> None:
    """Print each size's figures, and how the largest compares with the smallest."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.clean_memory", description=__doc__)
    parser.add_argument("--megabytes", type=float, nargs="+", default=[200, 2000])
    parser.add_argument("--language", choices=["zh", "en"], default="en")
    arguments = parser.parse_args()
    sizes = sorted(arguments.megabytes)
    found = [stages(arguments.language, size) for size in sizes]
    peaks = [max(run.peak for run in one.values()) for one in found]
    print(f"{sizes[-1] / sizes[0]:g} times the text: {peaks[-1] / peaks[0]:.2f} times the memory")


if __name__ == "__main__":
    main()
