"""A small project in which every kind of stage takes seconds, and what is asked about it after a kill."""

import contextlib
import csv
import io
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import psutil
from ruamel.yaml import YAML

from tokenmill.cli.init import init
from tokenmill.core.files import digest_value, sha256_file

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = "two-classifiers"
STAGES = (
    *("ingest", "measure", "clean", "tokenize@shared", "pretrain@base", "finetune@stars"),
    *("evaluate@base", "evaluate@stars", "report", "register"),
)
WITH_WORKERS = ("measure", "tokenize@shared")
WORDS = ("the", "a", "small", "red", "old", "boat", "river", "baker", "garden", "sees", "paints", "near")


class Project:
    """The project in a folder, with every stage up to date."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {**os.environ, "PYTHONPATH": str(folder), "DVC_NO_ANALYTICS": "1", "PYTHONUNBUFFERED": "1"}
        self.env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self.env["MLFLOW_DISABLE_TELEMETRY"] = "true"
        for name in ("DVC_ROOT", "DVC_STAGE", "MLFLOW_TRACKING_URI"):
            self.env.pop(name, None)

    def make(self) -> None:
        """Write it and run it."""
        self.write()
        done = self.dvc("repro")
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)

    def write(self) -> None:
        """The code, params.yaml and two tables of nonsense."""
        with redirect_stdout(io.StringIO()):
            init(ROOT, self.folder, EXAMPLE)
        write_params(self.folder / "params.yaml")
        draw = random.Random(1)
        for table, label in (("reviews", "stars"), ("letters", "department")):
            with (self.folder / f"data/sources/{table}.csv").open("w", encoding="utf-8", newline="") as file:
                rows = csv.writer(file)
                rows.writerow(["text", label])
                for number in range(300):
                    rows.writerow([" ".join([*draw.choices(WORDS, k=12), str(number)]), draw.choice("ab")])

    def dvc(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A dvc command in the project."""
        return self.python("-m", "dvc", *arguments)

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command of Python's in the project."""
        line = [sys.executable, *arguments]
        return subprocess.run(
            line, cwd=self.folder, env=self.env, capture_output=True, text=True, check=False
        )

    def start(self, code: str) -> "subprocess.Popen[bytes]":
        """Python code as a process group of its own; what it prints goes to output.txt."""
        with (self.folder / "output.txt").open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-c", code],
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def make_due(self, stage: str) -> None:
        """Have DVC know nothing of a stage's last run, so that it runs."""
        yaml = YAML()
        lock = yaml.load(self.folder / "dvc.lock")
        del lock["stages"][stage]
        yaml.dump(lock, self.folder / "dvc.lock")
        shutil.rmtree(self.folder / ".dvc/cache/runs", ignore_errors=True)

    def digests(self) -> dict[str, str]:
        """SHA-256 of what dvc.lock says, in whatever order, and of every file that the stages made."""
        data = self.folder / "data"
        made = (path for path in data.rglob("*") if path.is_file() and path.name != ".gitignore")
        digests = {path.relative_to(self.folder).as_posix(): sha256_file(path) for path in sorted(made)}
        return digests | {"dvc.lock": digest_value(YAML(typ="safe").load(self.folder / "dvc.lock"))}

    def processes(self) -> list[psutil.Process]:
        """Every process that works in the project."""
        return list(working_in(self.folder))

    def orphans(self, seconds: float) -> list[psutil.Process]:
        """Those of its processes that still live after some time; they are killed."""
        deadline = time.monotonic() + seconds
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.2)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        return left

    def store_is_broken(self) -> bool:
        """Whether MLflow's database cannot be read, or SQLite finds it damaged."""
        try:
            with contextlib.closing(sqlite3.connect(self.folder / "mlflow.db")) as store:
                (verdict,) = store.execute("PRAGMA integrity_check").fetchone()
                store.execute("SELECT COUNT(*) FROM runs").fetchone()
        except sqlite3.Error:
            return True
        return bool(verdict != "ok")


def write_params(path: Path) -> None:
    """The example's settings with budgets of seconds, one of its two classifiers, and two workers."""
    yaml = YAML(typ="safe", pure=True)
    params: dict[str, Any] = yaml.load(path.read_text("utf-8"))
    for group in ("finetune", "evaluate", "register"):
        del params[group]["department"]
    params["clean"]["split"] = {"validation": 0.2, "test": 0.2}
    params["tokenize"]["shared"]["vocab_size"] = 400
    small = {"layers": 1, "width": 32, "heads": 2, "context": 32, "tokens": 32_000, "batch_rows": 4}
    params["pretrain"]["base"].update(small)
    params["finetune"]["stars"].update(epochs=2, batch_size=16, max_tokens=32)
    params["runtime"] = {"threads": 1, "workers": 2, "checkpoint_every_seconds": 0.05}
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(params, file)


def working_in(folder: Path) -> Iterator[psutil.Process]:
    """Living processes whose current folder it is."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                yield process
