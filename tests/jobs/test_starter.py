"""No stage outlives the dvc that runs it, no process the stage that started it, however early these end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tokenmill.jobs.starter import STARTER

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asked of the Linux kernel")

STAGE = """\
import os, time
from pathlib import Path
Path("begun").write_text(str(os.getpid()))
time.sleep(600)
"""

# Python runs this before anything else: a stage's process notes its number, and waits where it is told to.
SITE = """\
import os, time
from pathlib import Path
if "DVC_STAGE" in os.environ:
    Path("starting").write_text(str(os.getpid()))
    while Path("hold").exists():
        time.sleep(0.02)
"""

# Like fish, and unlike bash, it does not become the command that it is given.
SHELL = '#!/bin/sh\nsh "$@"\nexit $?\n'


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A repository of DVC with one stage, which begins with our stages/__init__.py."""
    files = {
        "dvc.yaml": "stages: {slow: {cmd: python -m stages.slow, outs: [out]}}\n",
        "stages/__init__.py": (ROOT / "stages/__init__.py").read_text("utf-8"),
        "stages/slow.py": STAGE,
        "site/sitecustomize.py": SITE,
        "shell": SHELL,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "shell").chmod(0o755)
    for name in (STARTER, "DVC_STAGE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}:{ROOT}")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    monkeypatch.chdir(tmp_path)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], check=True)
    yield tmp_path
    for note in ("starting", "begun"):
        if (tmp_path / note).exists() and is_alive(number(note)):
            os.kill(number(note), signal.SIGKILL)


def repro() -> "subprocess.Popen[bytes]":
    line = [sys.executable, "-m", "dvc", "repro", "-q"]
    return subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=Path("errors").open("wb"))


def number(note: str) -> int:
    return int(Path(note).read_text("utf-8"))


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def noted(note: str) -> Callable[[], bool]:
    return lambda: Path(note).exists() and Path(note).read_text("utf-8") != ""


@pytest.mark.parametrize("shell", ["/bin/sh", "./shell"], ids=["becomes the stage", "stays"])
def test_a_stage_dies_with_its_dvc(repo: Path, monkeypatch: pytest.MonkeyPatch, shell: str) -> None:
    monkeypatch.setenv("SHELL", shell)
    dvc = repro()
    until(noted("begun"))
    dvc.kill()
    dvc.wait()
    until(lambda: not is_alive(number("begun")))


@pytest.mark.parametrize("shell", ["/bin/sh", "./shell"], ids=["becomes the stage", "stays"])
def test_a_stage_whose_dvc_died_while_python_started(
    repo: Path, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    monkeypatch.setenv("SHELL", shell)
    Path("hold").touch()
    dvc = repro()
    until(noted("starting"))
    dvc.kill()
    dvc.wait()
    Path("hold").unlink()
    until(lambda: not is_alive(number("starting")))
    assert not Path("begun").exists()
    assert Path("errors").read_text("utf-8").splitlines()[-1] == (
        "error: the process that started this one has ended; run the command again"
    )


def test_another_dvc_in_the_repository_is_not_taken_for_it(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("hold").touch()
    dvc = repro()
    until(noted("starting"))
    dvc.kill()
    dvc.wait()
    lock = Path(".dvc/tmp/rwlock")
    lock.write_text(lock.read_text().replace(str(dvc.pid), str(os.getpid())), "utf-8")
    Path("hold").unlink()
    until(lambda: not is_alive(number("starting")))
    assert not Path("begun").exists()


@pytest.mark.parametrize("content", [None, "", '{"write": {"/a', "[]"])
def test_without_word_of_dvc_a_stage_runs(
    repo: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    monkeypatch.setenv("DVC_STAGE", "slow")
    if content is not None:
        Path(".dvc/tmp/rwlock").write_text(content, "utf-8")
    stage = subprocess.Popen([sys.executable, "-m", "stages.slow"])
    until(noted("begun"))
    stage.kill()
    stage.wait()


def test_by_hand_a_stage_outlives_its_shell(repo: Path) -> None:
    shell = subprocess.Popen(["sh", "-c", f"{sys.executable} -m stages.slow & wait"])
    until(noted("begun"))
    shell.kill()
    shell.wait()
    time.sleep(0.3)
    assert is_alive(number("begun"))


@pytest.mark.parametrize("code", ["import stages", "from tokenmill.jobs.workers import _prepare; _prepare()"])
def test_a_process_whose_stage_died_while_python_started(
    repo: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    monkeypatch.setenv(STARTER, str(ended.pid))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: the process that started this one has ended")
    monkeypatch.setenv(STARTER, str(os.getpid()))
    subprocess.run([sys.executable, "-c", code], check=True)
