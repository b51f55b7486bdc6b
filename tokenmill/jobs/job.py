"""How every stage runs: checked inputs, a resumable work folder, one MLflow run, outs published whole."""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenmill.core.errors import Stopped, UserError
from tokenmill.core.files import digest_tree, remove, write_json
from tokenmill.jobs.finished import (
    NOTE,
    is_finished,
    is_recorded,
    keep_finished,
    note_finished,
    remove_recorded,
)
from tokenmill.jobs.lineage import Lineage, observe, plain
from tokenmill.jobs.process import disk_is_full, forget_launchers, is_global_zero, refuse_to_stop, stoppable
from tokenmill.jobs.publish import project_home, publish, sync_tree
from tokenmill.jobs.starter import STARTER, die_with_parent
from tokenmill.jobs.tracking.description import MODEL_TAG
from tokenmill.jobs.tracking.run import Run, start_run
from tokenmill.jobs.tracking.tags import flatten
from tokenmill.jobs.work import begin, only_one, remove_older

DIGESTS = "TOKENMILL_DIGESTS"
"""Environment variable by which the first process tells those that it starts what the inputs are."""

FIRST_ENDS_SECONDS = 15
"""What stops one of several processes mostly stops all: the first one then says so and ends, and the others
die with it. Only when it lives on for that long is another's word needed."""


@dataclass
class Job:
    """What a stage's body works with."""

    stage: str
    key: str
    """Digest of settings, inputs and code: equal keys may continue each other's work."""
    work: Path
    """Folder that survives a kill; deleted when the outs are published."""
    out: dict[str, Path]
    """Where to write each out; moved to its final place at the end."""
    digests: dict[str, str]
    """SHA-256 of each input."""
    run: Run

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Write the metrics out (JSON, in git) and log every number of it to MLflow."""
        write_json(self.out["metrics"], metrics)
        log_numbers(self.run, metrics, of_model="model" in self.digests)


class Republished(Exception):
    """The work was finished before; its outs are in their places again, and nothing is left to do."""


def log_numbers(run: Run, metrics: Mapping[str, Any], *, of_model: bool) -> None:
    """Log every number of a stage's metrics to MLflow; those ``of_model`` to the model's run, too.

    A training's figures of validation are the last points of its curves, which MLflow has.
    """
    numbers = {k.replace(".", "/"): v for k, v in flatten(metrics).items() if isinstance(v, int | float)}
    run.log_metrics({name: value for name, value in numbers.items() if not name.startswith("validation/")})
    if of_model:
        run.log_above({f"test/{name}": value for name, value in numbers.items()})


@contextmanager
def job(
    stage: str,
    *,
    settings: Callable[[], Any],
    inputs: Mapping[str, Path],
    outs: Mapping[str, Path],
    processes: int | None = None,
    tracked: Mapping[str, Any] | None = None,
) -> Iterator[Job]:
    """Run a stage's body between checking its inputs and publishing its outs.

    ``settings()`` reads from params.yaml, each time that it is called, exactly the params that the stage
    depends on in dvc.yaml. ``processes``: how many compute the body together; None where there is never more
    than one. ``tracked``: what MLflow is told instead of the settings. A body that raises leaves the outs as
    they were, and its work folder for the next try with equal settings, inputs and code. Of other keys' work
    folders the newest :data:`~tokenmill.jobs.work.UNFINISHED` stay, so that something else can be tried
    before an interrupted run goes on. Under dvc, finished work is kept until dvc.lock names it
    (:mod:`tokenmill.jobs.finished`).

    Raises:
        UserError: an input is missing, another process works on the same stage and settings, or settings,
            inputs or code changed while the body ran.
        Republished: finished work of the same key was there and is published again, without the body.
    """
    started = time.monotonic()
    forget_launchers(processes)
    for name, path in inputs.items():
        if not path.exists():
            raise UserError(f"{path}: missing ({stage} reads it as {name}); make it with `dvc repro {stage}`")
    lineage = observe(stage, settings(), inputs, lambda: _digests(inputs))
    home = project_home() / ".work"
    folder = home / stage
    work = folder / lineage.key
    if not is_global_zero():
        # The first process holds the lock, the MLflow run and the outs; what others write is thrown away.
        with tempfile.TemporaryDirectory() as thrown_away, stoppable():
            places = _places(Path(thrown_away), outs)
            yield Job(stage, lineage.key, work, places, dict(lineage.digests), Run())
        return
    folder.mkdir(parents=True, exist_ok=True)
    with only_one(work, stage), stoppable():
        # In a temporary experiment dvc.lock is thrown away with the folder around it.
        under_dvc = "DVC_STAGE" in os.environ and home.parent == Path.cwd()
        remove_recorded(home)
        remove_older(work, stage)
        again = under_dvc and is_finished(work) and not is_recorded(stage, work)
        if not again:
            for old in (work / "out", work / NOTE):
                remove(old)
        places = _places(work / "out", outs)
        before = begin(work)
        run = _open_run(lineage, work, tracked, makes_model="model" in outs)
        if not again:
            try:
                yield Job(stage, lineage.key, work, places, dict(lineage.digests), run)
                missing = [str(outs[name]) for name, path in places.items() if not path.exists()]
                if missing:
                    raise RuntimeError(f"{stage} did not write {', '.join(missing)}")
                lineage.check(settings)
            except (Stopped, KeyboardInterrupt):
                run.finish("KILLED")
                raise
            except BaseException:
                run.finish("FAILED")
                raise
        elif "metrics" in places:
            metrics = json.loads(places["metrics"].read_text("utf-8"))
            log_numbers(run, metrics, of_model="model" in inputs)
        # The result is complete: a request to stop comes too late, and could tear the outs apart.
        refuse_to_stop()
        finished = {places[name]: path for name, path in outs.items()}
        for place in finished:
            sync_tree(place)
        note_finished(work, finished)
        if "model" in places:
            run.set_tags({MODEL_TAG: digest_tree(places["model"])})
        kept = publish(finished, keep=under_dvc)
        run.finish("FINISHED")
        seconds = round(before + time.monotonic() - started, 1)
        with suppress(OSError):  # the outs stand in their places: a disk that is full now is no failure
            write_json(folder / "last.json", {"key": lineage.key, "run_id": run.id, "seconds": seconds})
        if kept:
            keep_finished(work)
        else:
            remove(work)
    if again:
        raise Republished(stage)


def _digests(inputs: Mapping[str, Path]) -> dict[str, str]:
    """SHA-256 of each input; a process that the first one started takes its word, which saves reading."""
    told = os.environ.get(DIGESTS)
    if told is not None and not is_global_zero():
        return dict(json.loads(told))
    digests = {name: digest_tree(path) for name, path in inputs.items()}
    os.environ[DIGESTS] = json.dumps(digests)
    return digests


def _places(scratch: Path, outs: Mapping[str, Path]) -> dict[str, Path]:
    """Where the body writes each out, each in a folder of its own."""
    places = {name: scratch / name / path.name for name, path in outs.items()}
    for path in places.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    return places


def _open_run(lineage: Lineage, work: Path, tracked: Mapping[str, Any] | None, *, makes_model: bool) -> Run:
    """A new MLflow run, or the one that an interrupted process of the same key had opened."""
    note = work / "run.json"
    run = start_run(
        lineage.stage,
        key=lineage.key,
        settings=lineage.settings if tracked is None else plain(tracked),
        makes_model=makes_model,
        inputs={name: (str(path), lineage.digests[name]) for name, path in lineage.inputs.items()},
        resume=json.loads(note.read_text("utf-8"))["run_id"] if note.exists() else None,
    )
    if run.id is not None:
        write_json(note, {"run_id": run.id})
    return run


def run_main(main: Callable[[], None]) -> None:
    """Run a stage's ``main`` as a command: one line for a person's mistake, exit status by outcome."""
    if not is_global_zero():
        die_with_parent()
    os.environ[STARTER] = str(os.getpid())
    try:
        try:
            main()
        except BaseException:
            if not is_global_zero():
                time.sleep(FIRST_ENDS_SECONDS)
            raise
    except Republished as stage:
        print(f"{stage}: was finished when dvc was stopped; published again", flush=True)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        raise SystemExit(1) from None
    except Exception as error:
        if not disk_is_full(error):
            raise
        message = "error: the disk is full; free some space, then run the same command again"
        print(f"{message} (outputs of earlier runs are as they were)", file=sys.stderr, flush=True)
        raise SystemExit(1) from None
    except (Stopped, KeyboardInterrupt) as stop:
        print("stopped; run the same command again to continue", file=sys.stderr, flush=True)
        raise SystemExit(130 if isinstance(stop, KeyboardInterrupt) else 143) from None
