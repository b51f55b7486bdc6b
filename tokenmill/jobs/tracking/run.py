"""One MLflow run: its tags, params and datasets, and metrics that are buffered and sent in batches."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.jobs.tracking.store import client, experiment_id, store_error

FLUSH_EVERY_SECONDS = 10.0
"""Least time between two batches of metrics. A sqlite store takes 20 to 40 ms a batch: 0.4% of a run."""

MAX_LOGGING_SHARE = 0.02
"""Share of a run's time that sending metrics may take: a slow store is sent fewer, larger batches."""


def flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"a": {"b": 1}}`` -> ``{"a.b": 1}``."""
    flat: dict[str, Any] = {}
    for key, item in value.items():
        name = f"{prefix}{key}"
        if isinstance(item, Mapping):
            flat.update(flatten(item, f"{name}."))
        else:
            flat[name] = item
    return flat


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *arguments],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def git_commit() -> str:
    """The commit that is checked out; empty outside git."""
    return _git("rev-parse", "HEAD")


def run_tags(stage: str, key: str) -> dict[str, str]:
    """Tags that join runs: pipeline run, stage, stage hash, commit, and whether the tree was dirty.

    The flow hands down its own tags as JSON in ``MLFLOW_RUN_CONTEXT``; a DVC experiment names itself in
    ``DVC_EXP_NAME``.
    """
    tags = {
        "dvc.stage": stage,
        "dvc.stage_hash": key,
        "git.commit": git_commit(),
        "git.dirty": str(bool(_git("status", "--porcelain", "--untracked-files=no"))).lower(),
        "process": f"{socket.gethostname()}:{os.getpid()}",
    }
    if name := os.environ.get("DVC_EXP_NAME"):
        tags["pipeline.run"] = name
    context = os.environ.get("MLFLOW_RUN_CONTEXT")
    if context:
        try:
            tags.update({str(k): str(v) for k, v in json.loads(context).items()})
        except (ValueError, AttributeError, RecursionError):
            raise UserError(
                "MLFLOW_RUN_CONTEXT: must be a JSON object of tags; set it so or unset it"
            ) from None
    return tags


class Run:
    """One MLflow run. Every method is safe to call when the store is out of reach: it warns once and goes on.

    What could not be sent is kept and sent again with the next batch, so a store that comes back has it all.
    """

    def __init__(self, mlflow_client: Any, run_id: str | None) -> None:
        self.id = run_id
        self._client = mlflow_client
        self._buffer: list[tuple[str, float, int, int]] = []
        self._due = time.monotonic() + FLUSH_EVERY_SECONDS
        self._warned = False

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Buffer numbers; they are sent in batches, at most one each ``FLUSH_EVERY_SECONDS``."""
        if self.id is None:
            return
        now = int(time.time() * 1000)
        # MLflow refuses a whole batch for one name with other characters than these.
        self._buffer += [
            (re.sub(r"[^/\w.\- :]", "_", name), float(value), now, step) for name, value in metrics.items()
        ]
        if time.monotonic() >= self._due:
            self.flush()

    def flush(self) -> None:
        """Send what is buffered; the next batch waits long enough to stay below ``MAX_LOGGING_SHARE``."""
        started = time.monotonic()
        size = 1000  # MLflow's limit for one batch
        while self._buffer and self._try(lambda: self._send(self._buffer[:size])):
            del self._buffer[:size]
        ended = time.monotonic()
        self._due = ended + max(FLUSH_EVERY_SECONDS, (ended - started) / MAX_LOGGING_SHARE)

    def _send(self, rows: list[tuple[str, float, int, int]]) -> None:
        from mlflow.entities import Metric

        self._client.log_batch(self.id, metrics=[Metric(*row) for row in rows])

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set string tags on the run."""
        self._try(lambda: self._client.log_batch(self.id, tags=_tag_entities(tags)))

    def log_artifact(self, path: Path) -> None:
        """Copy a small file (a report, a plot) to the run's artifacts."""
        self._try(lambda: self._client.log_artifact(self.id, str(path)))

    def finish(self, status: str) -> None:
        """Send what is left and end the run: FINISHED, FAILED or KILLED."""
        self.flush()
        self._try(lambda: self._client.set_terminated(self.id, status=status))

    def _try(self, action: Callable[[], object]) -> bool:
        """Whether the action worked; the first that does not is warned about."""
        if self.id is None:
            return False
        try:
            action()
        except Exception as error:
            if not self._warned:
                _warn(error)
            self._warned = True
            return False
        return True


def _warn(error: Exception) -> None:
    print(f"warning: tracking failed: {store_error(error)}", file=sys.stderr, flush=True)


def _tag_entities(tags: Mapping[str, str]) -> list[Any]:
    from mlflow.entities import RunTag

    return [RunTag(name, value) for name, value in tags.items()]


def start_run(
    stage: str,
    *,
    key: str,
    settings: Mapping[str, Any],
    inputs: Mapping[str, tuple[str, str]],
    resume: str | None = None,
) -> Run:
    """Open the stage's run, or reopen ``resume`` (a run id that an interrupted process left behind).

    ``inputs`` maps a context word (``raw``, ``tokens``) to ``(path, digest)``; each becomes an MLflow
    dataset, so that ``dataset.digest = '...'`` (see :func:`dataset_digest`) finds every run on that data.
    """
    try:
        mlflow_client = client()
        tags = run_tags(stage, key)
        if resume is None or not _reopen(mlflow_client, resume, tags):
            experiment = experiment_id(mlflow_client, stage.partition("@")[0])
            name = f"{stage.replace('@', '-')}-{key[:8]}"
            resume = str(mlflow_client.create_run(experiment, tags=tags, run_name=name).info.run_id)
    except Exception as error:
        _warn(error)
        return Run(None, None)
    run = Run(mlflow_client, resume)
    # Also when reopened: the interrupted process may not have come this far, and writing twice does no harm.
    run._try(lambda: _describe(mlflow_client, resume, settings, inputs))
    return run


def _reopen(mlflow_client: Any, run_id: str, tags: Mapping[str, str]) -> bool:
    """Whether the store holds the run; it is then RUNNING again, with this process's tags."""
    from mlflow.exceptions import MlflowException

    try:
        mlflow_client.update_run(run_id, status="RUNNING")
        mlflow_client.log_batch(run_id, tags=_tag_entities(tags))
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "INVALID_STATE"):
            raise
        return False  # the store is another one, or the run was deleted
    return True


def dataset_digest(digest: str) -> str:
    """The part of a SHA-256 that MLflow's dataset digests have room for: 32 of at most 36 characters."""
    return digest[:32]


def _describe(
    mlflow_client: Any, run_id: str, settings: Mapping[str, Any], inputs: Mapping[str, tuple[str, str]]
) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag, Param

    params = [Param(name, str(value)[:6000]) for name, value in sorted(flatten(settings).items())]
    for start in range(0, len(params), 100):  # MLflow's limit for one batch
        mlflow_client.log_batch(run_id, params=params[start : start + 100])
    datasets = []
    for context, (path, digest) in sorted(inputs.items()):
        dataset = Dataset(path, dataset_digest(digest), source_type="local", source=json.dumps({"uri": path}))
        tags = {"mlflow.data.context": context, "dvc.path": path, "sha256": digest}
        datasets.append(DatasetInput(dataset, [InputTag(*tag) for tag in tags.items()]))
    if datasets:
        mlflow_client.log_inputs(run_id, datasets=datasets)
