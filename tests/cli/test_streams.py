"""A standard output that nobody reads, that is full, or that is closed."""

import subprocess
import sys
from pathlib import Path

import pytest

ENDS = {
    "left by its reader": ("| head -c 0", 141, ""),
    "full": (
        ">/dev/full",
        1,
        "error: a file, or standard output: No space left on device; free some space\n",
    ),
    "closed": (">&-", 1, "error: standard output is closed; redirect it, to /dev/null at least\n"),
}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
@pytest.mark.parametrize("end", ENDS)
def test_what_becomes_of_the_output(end: str) -> None:
    where, status, said = ENDS[end]
    # The reader is gone before anything is written.
    command = f"(sleep 1; exec {sys.executable} -m tokenmill --help) {where}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (status, said, "")
