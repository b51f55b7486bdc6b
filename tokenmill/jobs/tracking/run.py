"""One MLflow run of a stage, whose metrics are buffered and sent in batches."""

import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.jobs.tracking.attach import attach
from tokenmill.jobs.tracking.description import Description, tag_entities
from tokenmill.jobs.tracking.pending import Row, Unsent, send_pending
from tokenmill.jobs.tracking.store import client, store_error
from tokenmill.jobs.tracking.tags import flatten, run_tags

FLUSH_EVERY_SECONDS = 10.0
"""Least time between two batches of metrics. A sqlite store takes 20 to 40 ms a batch: 0.4% of a run."""

MAX_LOGGING_SHARE = 0.02
"""Share of a run's time that sending metrics may take: a slow store is sent fewer, larger batches."""


class Run:
    """One MLflow run. Every method is safe to call when the store is out of reach: it warns once and goes on.

    What could not be sent is sent again with the next batch; what is left at the end, or when the process is
    killed, stands in a file, and the next stage that reaches the store sends it.
    """

    def __init__(self, unsent: Unsent | None = None) -> None:
        """Without anything to send nothing is tracked."""
        self._client: Any = None
        self._unsent = unsent
        self._due = time.monotonic() + FLUSH_EVERY_SECONDS
        self._warned = False

    @property
    def id(self) -> str | None:
        """MLflow's id; None as long as the store does not hold the run."""
        return None if self._unsent is None else self._unsent.run_id

    def open(self) -> None:
        """Make the run in the store, which is sent first what it has missed of others."""

        def send() -> None:
            self._client = client()
            send_pending(self._client)
            assert self._unsent is not None
            self._unsent.send(self._client)

        self._try(send)

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Buffer numbers; they are sent in batches, at most one each ``FLUSH_EVERY_SECONDS``."""
        if self._unsent is None:
            return
        self._unsent.rows += _rows(metrics, step)
        if time.monotonic() >= self._due:
            self.flush()

    def log_above(self, metrics: Mapping[str, float]) -> None:
        """Buffer numbers for the run above this one: test figures stand beside the settings of the model."""
        if self._unsent is not None:
            self._unsent.above_rows += _rows(metrics, 0)

    def flush(self) -> None:
        """Send what is buffered; the next batch waits long enough to stay below ``MAX_LOGGING_SHARE``."""
        started = time.monotonic()
        self._try(self._send)
        ended = time.monotonic()
        self._due = ended + max(FLUSH_EVERY_SECONDS, (ended - started) / MAX_LOGGING_SHARE)

    def _send(self) -> None:
        assert self._unsent is not None
        try:
            if self.id is None:
                self._client = client()
            self._unsent.send(self._client)
        except Exception:
            self._unsent.keep()
            raise
        if self._warned:  # there may be a file
            self._unsent.forget()

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set string tags on the run."""
        if self._unsent is not None and self.id is None:
            self._unsent.run.tags.update(tags)
        else:
            self._try(lambda: self._client.log_batch(self.id, tags=tag_entities(dict(tags))))

    def attach(self, models: Mapping[Path, list[Path]]) -> None:
        """Copy files to the artifacts of the runs that made these model folders (:func:`attach`)."""
        if self.id is not None:
            self._try(lambda: attach(self._client, models))

    def finish(self, status: str) -> None:
        """Send what is left and end the run: FINISHED, FAILED or KILLED."""
        if self._unsent is not None:
            self._unsent.status, self._unsent.ended = status, _now()
            self.flush()

    def _try(self, action: Callable[[], object]) -> None:
        """Do something with the store; the first that fails is warned about."""
        if self._unsent is None:
            return
        try:
            action()
        except Exception as error:
            if not self._warned:
                _warn(error)
            self._warned = True


def _now() -> int:
    return int(time.time() * 1000)


def _rows(metrics: Mapping[str, float], step: int) -> list[Row]:
    # MLflow refuses a whole batch for one name with other characters than these.
    now = _now()
    return [(re.sub(r"[^/\w.\- :]", "_", name), float(value), now, step) for name, value in metrics.items()]


def _warn(error: Exception) -> None:
    said = store_error(error)
    print(f"warning: tracking failed: {said}; it is told later what it misses", file=sys.stderr, flush=True)


def start_run(
    stage: str,
    *,
    key: str,
    settings: Mapping[str, Any],
    inputs: Mapping[str, tuple[str, str]],
    makes_model: bool = False,
    resume: str | None = None,
) -> Run:
    """Open the stage's run, or reopen ``resume`` (a run id that an interrupted process left behind).

    Args:
        stage: as dvc.yaml has it, ``pretrain@gpt``.
        key: digest of settings, inputs and code.
        settings: become params, flat.
        inputs: a context word (``raw``, ``tokens``) -> ``(path, digest)``; each becomes an MLflow dataset, so
            that ``dataset.digest = '...'`` (see ``dataset_digest``) finds every run on that data. A run that
            reads a ``model`` stands below the run that made it.
        makes_model: whether it stands at the top, named after its model.
        resume: a run's id.
    """
    try:
        tags = run_tags(stage, key)
    except UserError as error:
        print(f"warning: tracking failed: {error}", file=sys.stderr, flush=True)
        return Run()
    name = stage.partition("@")[2] if makes_model else stage.replace("@", "-")
    if experiment := os.environ.get("DVC_EXP_NAME"):
        name = f"{name} ({experiment})"
    described = Description(
        name=name,
        tags=tags,
        params={name: str(value) for name, value in flatten(settings).items()},
        datasets=dict(inputs),
        started=_now(),
        makes_model=makes_model,
    )
    run = Run(Unsent(described, resume=resume))
    run.open()
    return run
