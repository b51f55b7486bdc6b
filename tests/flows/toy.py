"""A real DVC repository in a folder of the test's own: first -> work@{x,y} -> last, and a frozen stage."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
STAGES = ["first", "work@x", "work@y", "kept", "last"]

DVC_YAML = """\
stages:
  first:
    desc: the beginning
    cmd: python step.py first seed.txt
    deps: [seed.txt]
    outs: [first.txt]
  work:
    matrix: {k: [x, y]}
    cmd: python step.py work-${item.k} first.txt
    deps: [first.txt]
    params: ["work.${item.k}"]
    outs: ["work-${item.k}.txt"]
  kept:
    frozen: true
    cmd: python step.py kept first.txt
    deps: [first.txt]
    outs: [kept.txt]
  last:
    cmd: python step.py last work-x.txt work-y.txt kept.txt
    deps: [work-x.txt, work-y.txt, kept.txt]
    outs: [last.txt]
"""

# Writes down that it ran, does as control/NAME says, and makes NAME.txt of its inputs.
STEP = """\
import os, signal, subprocess, sys, time
from pathlib import Path

name, *inputs = sys.argv[1:]
control = Path("control") / name
orders = control.read_text().split() if control.exists() else []

def log(word):
    with open("runs.log", "a") as file:
        file.write(f"{word} {name} {os.environ.get('MLFLOW_RUN_CONTEXT', '')}\\n")

def save_and_go(*_):
    time.sleep(0.3)
    log("checkpoint")
    sys.exit(143)

log("run")
if "fail" in orders and not Path(f"{name}.txt").exists():
    log("gone")
print(f"{name} says hello")
print(f"stdin: {sys.stdin.read()!r}")
if "stubborn" in orders:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
elif "slow" in orders:
    signal.signal(signal.SIGTERM, save_and_go)
if "escape" in orders:  # a process that leaves the group and the session
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
if "slow" in orders:
    log("slow")
    time.sleep(600)
while "gate" in orders and not Path("control/open").exists():
    time.sleep(0.05)
if "fail" in orders:
    sys.exit("no luck")
Path(f"{name}.txt").write_text("".join(Path(file).read_text() for file in inputs))
"""

# In place of our own stages/params.py: the toy's settings are none of ours.
PARAMS = """\
from types import SimpleNamespace

from ruamel.yaml import YAML

from tokenmill.core.errors import UserError


def load_params(path):
    content = YAML(typ="safe").load(path)
    if "wrok" in content:
        raise UserError("params.yaml: wrok is not a setting; did you mean work?")
    return SimpleNamespace(register_=content.get("register", {}))
"""


class Toy:
    """The repository and what tests ask about it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)

    def order(self, stage: str, word: str) -> None:
        """What the stage's process shall do when it runs: slow, stubborn, gate, escape, fail; or nothing."""
        self.write(f"control/{stage}", word)

    def dvc(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "dvc", *arguments]
        done = subprocess.run(
            line, cwd=self.root, text=True, capture_output=True, check=False, env=environment()
        )
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done

    def log(self, word: str) -> list[str]:
        """Names of the stages that wrote the word, in order."""
        path = self.root / "runs.log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.split()[1] for line in lines if line.split()[0] == word]

    def wait_for(self, word: str, stage: str, seconds: float = 30) -> None:
        """Until the stage's process has written the word."""
        until(lambda: stage in self.log(word), f"{stage} to write {word}", seconds)

    def processes(self) -> list[psutil.Process]:
        """Every process that works in this repository (by its current folder), except this one."""
        found = []
        for process in psutil.process_iter():
            try:
                here = process.cwd() == str(self.root) and process.status() != psutil.STATUS_ZOMBIE
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            if here and process.pid != os.getpid():
                found.append(process)
        return found


def until(condition: Callable[[], object], what: str, seconds: float) -> None:
    """Wait for the condition, and fail when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)


def environment() -> dict[str, str]:
    """Ours, with this interpreter's folder first on the PATH and our modules importable."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "1"}


def make(root: Path) -> None:
    """Write the repository's files and commit them."""
    root.mkdir(parents=True)
    (root / "dvc.yaml").write_text(DVC_YAML)
    (root / "step.py").write_text(STEP)
    (root / "seed.txt").write_text("seed\n")
    (root / "kept.txt").write_text("kept\n")
    (root / "stages").mkdir()
    (root / "stages/__init__.py").write_text("")
    (root / "stages/params.py").write_text(PARAMS)
    (root / "params.yaml").write_text("work: {x: 1, y: 1}\n")
    (root / ".gitignore").write_text("/runs.log\n/control\n__pycache__\n")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t"]
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    toy = Toy(root)
    toy.dvc("init", "-q")
    toy.dvc("config", "core.analytics", "false")
    toy.dvc("repro", "first")
    toy.dvc("commit", "-f", "kept")  # a frozen stage does not run: its out is a given
    toy.dvc("repro")
    subprocess.run(["git", "add", "-A"], cwd=root, check=True)
    subprocess.run([*git, "commit", "-q", "-m", "toy"], cwd=root, check=True)


def copy(template: Path, root: Path) -> Toy:
    """A repository of its own, as the template is: everything up to date, nothing in runs.log."""
    shutil.copytree(template, root, symlinks=True)
    (root / "runs.log").unlink(missing_ok=True)
    return Toy(root)
