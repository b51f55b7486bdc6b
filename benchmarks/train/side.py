"""One side of the comparison in a process of its own: ``python -m benchmarks.train.side SIDE SETTINGS``.

SETTINGS is a JSON object, see :class:`benchmarks.train.settings.Settings`. Every side trains a model of the
same shape on the same tokens, and is measured in one way, for which its clock stands still. The last line
printed is the JSON object of :meth:`benchmarks.train.meter.Meter.report`.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.train import nanogpt, ours, trainer
from benchmarks.train.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
SIDES = {"ours": ours.train, "bare": ours.bare, "nanogpt": nanogpt.train, "trainer": trainer.train}


class SideFailed(Exception):
    """A side's process ended with an error; says which, and its last lines."""


def run_side(side: str, settings: Settings) -> dict[str, Any]:
    """Train one side in a process of its own and return its report.

    Raises:
        SideFailed: the process ended with an error.
    """
    command = [sys.executable, "-m", "benchmarks.train.side", side, json.dumps(asdict(settings))]
    # A side takes a GPU wherever it sees one.
    environment = os.environ | ({"CUDA_VISIBLE_DEVICES": ""} if settings.device == "cpu" else {})
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if result.returncode:
        raise SideFailed(f"{side} failed:\n{result.stderr[-2000:]}")
    return dict(json.loads(result.stdout.splitlines()[-1]))


if __name__ == "__main__":
    print(json.dumps(SIDES[sys.argv[1]](Settings(**json.loads(sys.argv[2])))))
