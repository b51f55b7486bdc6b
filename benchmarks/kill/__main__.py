"""``python -m benchmarks.kill --kills 300``: every stage, every process, and the same command again.

In a small project of its own a stage is made to run, and one of its processes gets SIGKILL at a random
moment: half of the time in the first second after the stage's process appeared, else up to the end of dvc.
Then ``dvc repro`` must come to the same bytes. A victim is the whole process group, dvc, the stage, one of
its workers, or, where it runs as the flow runs it (flows/runner.py), the guard or the flow's process.
"""

import argparse
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks.kill.project import STAGES, WITH_WORKERS, Project

PLAIN = ("group", "dvc", "stage", "worker")
IN_FLOW = ("guard", "flow")
FIRST_SECONDS = 1.0
"""As long as Python and the stage's imports take at least."""
GRACE_SECONDS = 40.0
"""After a guard lost its flow it gives the stage 30 s for a checkpoint."""
AT_ONCE_SECONDS = 5.0
END_SECONDS = 120.0
"""As long as what started the victim may take to see its end, and to end."""
FIGURES = ("kills", "bytes differ", "orphans", "mended by make repro", "manual repairs", "broken stores")


def by_dvc(stage: str) -> str:
    """Code that runs a stage as a person does."""
    return f"import sys; from dvc.cli import main; sys.exit(main(['repro', '--single-item', {stage!r}]))"


def by_runner(stage: str) -> str:
    """Code that runs a stage as the flow does."""
    return (
        "from pathlib import Path; from flows.runner import Runner; "
        f"Runner(Path.cwd(), {{}}).run_stage({stage!r}, print)"
    )


def find(project: Project, victim: str, started: int, stage: str) -> int | None:
    """The process id of the victim, when it is there."""
    if victim in ("group", "flow", "dvc"):
        return started
    for process in project.processes():
        with suppress(psutil.NoSuchProcess):
            line = " ".join(process.cmdline())
            is_stage = f"-m stages.{stage.partition('@')[0]}" in line and "python" in line
            is_worker = "spawn_main" in line and "resource_tracker" not in line
            is_guard = "guard.py" in line
            if {"stage": is_stage, "worker": is_worker, "guard": is_guard}[victim]:
                return process.pid
    return None


def wait_for(what: Callable[[], int | None], process: "subprocess.Popen[bytes]") -> int | None:
    """The process id, as soon as it is there; None if the command has ended before."""
    while process.poll() is None:
        if (pid := what()) is not None:
            return pid
        time.sleep(0.01)
    return None


def kill_one(project: Project, stage: str, victim: str, share: float, early: bool, whole: float) -> bool:
    """Run the stage and kill the victim; False if all had ended before.

    ``share`` of the first second, or of ``whole``: the seconds from the stage's first moment to dvc's end.
    """
    project.make_due(stage)
    process = project.start(by_runner(stage) if victim in IN_FLOW else by_dvc(stage))
    if wait_for(lambda: find(project, "stage", process.pid, stage), process) is None:
        raise RuntimeError((project.folder / "output.txt").read_text("utf-8", errors="replace"))
    appeared = time.monotonic()
    pid = wait_for(lambda: find(project, victim, process.pid, stage), process)
    if victim != "worker":
        time.sleep(max(0.0, appeared + share * (FIRST_SECONDS if early else whole) - time.monotonic()))
    if pid is None or process.poll() is not None:
        return False
    try:
        (os.killpg if victim == "group" else os.kill)(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    finally:
        with suppress(subprocess.TimeoutExpired):  # what lives longer is an orphan
            process.wait(END_SECONDS)
    return True


def seconds_of(project: Project, stage: str) -> float:
    """Seconds from the first moment of a stage's process to the end of its dvc."""
    project.make_due(stage)
    process = project.start(by_dvc(stage))
    wait_for(lambda: find(project, "stage", process.pid, stage), process)
    appeared = time.monotonic()
    if process.wait():
        raise RuntimeError((project.folder / "output.txt").read_text("utf-8", errors="replace"))
    return time.monotonic() - appeared


def recover(project: Project, counts: Counter[str]) -> None:
    """`dvc repro`; where that fails, what `make repro` does before it; where that fails, the doctor."""
    attempts = (
        ("", ()),
        ("mended by make repro", ("-m", "flows.doctor")),
        ("manual repairs", ("-m", "tokenmill", "doctor", "--fix")),
    )
    for figure, before in attempts:
        if figure:
            counts[figure] += 1
            project.python(*before)
        done = project.dvc("repro")
        if done.returncode == 0:
            return
        print(f"  {done.stdout[-600:]}{done.stderr[-600:]}", flush=True)
    raise RuntimeError("the project could not be repaired")


def main() -> None:
    """Print what became of every kill, and the figures at the end."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kill", description=__doc__)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    pairs = [
        (stage, victim)
        for stage in STAGES
        for victim in (*PLAIN, *IN_FLOW)
        if victim != "worker" or stage in WITH_WORKERS
    ]
    chance.shuffle(pairs)
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        project = Project(Path(name).resolve() / "project")
        project.make()
        expected = project.digests()
        whole = {stage: seconds_of(project, stage) for stage in STAGES}
        print({stage: round(seconds, 1) for stage, seconds in whole.items()}, flush=True)
        with suppress(KeyboardInterrupt):
            for stage, victim in itertools.cycle(pairs):
                if counts["kills"] == arguments.kills:
                    break
                early, share = chance.random() < 0.5, chance.random()
                before = Counter(counts)
                killed = kill_one(project, stage, victim, share, early, whole[stage])
                counts["kills" if killed else "too late"] += 1
                left = project.orphans(GRACE_SECONDS if victim in IN_FLOW else AT_ONCE_SECONDS)
                counts["orphans"] += bool(left)
                recover(project, counts)
                found = project.digests()
                differ = [path for path in expected | found if expected.get(path) != found.get(path)]
                counts["bytes differ"] += bool(differ)
                counts["broken stores"] += project.store_is_broken()
                wrong = [figure for figure in FIGURES[1:] if counts[figure] > before[figure]]
                moment = f"{share * (FIRST_SECONDS if early else whole[stage]):.2f} s"
                what = f"{counts['kills']:4} {stage:16} {victim:7} {moment:>8}"
                verdict = ", ".join(wrong) or ("well" if killed else "too late")
                print(f"{what}  {verdict} {[*differ, *left] or ''}", flush=True)
        kept = sum(path.is_dir() for path in (project.folder / ".work").glob("*/*"))
    print(f"seed {arguments.seed}, {kept} work folders in the end")
    for figure in (*FIGURES, "too late"):
        print(f"{figure:22} {counts[figure]}")
    sys.exit(any(counts[figure] for figure in ("bytes differ", "orphans", "manual repairs", "broken stores")))


if __name__ == "__main__":
    main()
