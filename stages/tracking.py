"""MLflow: one run per executed stage, with lineage by digest. Metrics are buffered and sent in batches.

Tracking never decides about the work: when the store cannot be reached, the stage says so once and goes on.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.publish import project_home

FLUSH_EVERY_SECONDS = 10.0
"""A sqlite store takes 20 to 40 ms a batch; one batch each 10 s stays far below 2% of a run."""


def tracking_uri() -> str:
    """``MLFLOW_TRACKING_URI``, or a sqlite file at a fixed absolute place in the repository.

    MLflow's own default depends on the current folder, which differs inside ``dvc exp run --temp``.
    """
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{project_home() / 'mlflow.db'}"


def client() -> Any:
    """An ``MlflowClient`` on :func:`tracking_uri`. MLflow is imported here: it costs seconds."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    import logging

    import mlflow

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    mlflow.set_tracking_uri(tracking_uri())
    return mlflow.MlflowClient(tracking_uri())


def experiment_id(mlflow_client: Any, name: str) -> str:
    """The experiment's id; it is made when it is not there, its artifacts beside the default store."""
    from mlflow.exceptions import MlflowException

    found = mlflow_client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    local = "MLFLOW_TRACKING_URI" not in os.environ
    artifacts = (project_home() / "mlruns" / name.replace("/", "-")).as_uri() if local else None
    try:
        return str(mlflow_client.create_experiment(name, artifact_location=artifacts))
    except MlflowException:  # another stage made it a moment ago
        return str(mlflow_client.get_experiment_by_name(name).experiment_id)


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
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def run_tags(stage: str, key: str) -> dict[str, str]:
    """Tags that join runs: pipeline run, stage, stage hash, commit, and whether the tree was dirty.

    The flow hands down its own tags as JSON in ``MLFLOW_RUN_CONTEXT``; a DVC experiment names itself in
    ``DVC_EXP_NAME``.
    """
    tags = {
        "dvc.stage": stage,
        "dvc.stage_hash": key,
        "git.commit": _git("rev-parse", "HEAD"),
        "git.dirty": str(bool(_git("status", "--porcelain", "--untracked-files=no"))).lower(),
        "process": f"{socket.gethostname()}:{os.getpid()}",
    }
    if name := os.environ.get("DVC_EXP_NAME"):
        tags["pipeline.run"] = name
    context = os.environ.get("MLFLOW_RUN_CONTEXT")
    if context:
        tags.update({str(k): str(v) for k, v in json.loads(context).items()})
    return tags


class Run:
    """One MLflow run. Every method is safe to call when the store is out of reach (it then does nothing)."""

    def __init__(self, mlflow_client: Any, run_id: str | None) -> None:
        self._client = mlflow_client
        self.id = run_id
        self._buffer: list[tuple[str, float, int, int]] = []
        self._sent_at = time.monotonic()

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Buffer numbers; they are sent in batches of at most one each ``FLUSH_EVERY_SECONDS``."""
        now = int(time.time() * 1000)
        self._buffer += [(name, float(value), now, step) for name, value in metrics.items()]
        if time.monotonic() - self._sent_at > FLUSH_EVERY_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Send what is buffered."""
        buffered, self._buffer, self._sent_at = self._buffer, [], time.monotonic()
        if not buffered or self.id is None:
            return

        def send() -> None:
            from mlflow.entities import Metric

            for start in range(0, len(buffered), 1000):  # MLflow's limit for one batch
                batch = [Metric(*row) for row in buffered[start : start + 1000]]
                self._client.log_batch(self.id, metrics=batch)

        self._try(send)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set string tags on the run."""
        for name, value in tags.items():
            self._try(lambda n=name, v=value: self._client.set_tag(self.id, n, v))

    def log_artifact(self, path: Path) -> None:
        """Copy a small file (a report, a plot) to the run's artifacts."""
        self._try(lambda: self._client.log_artifact(self.id, str(path)))

    def finish(self, status: str) -> None:
        """End the run: FINISHED, FAILED or KILLED."""
        self.flush()
        self._try(lambda: self._client.set_terminated(self.id, status=status))

    def _try(self, action: Any) -> None:
        if self.id is None:
            return
        try:
            action()
        except Exception as error:
            self.id = None
            _warn(error)


def _warn(error: Exception) -> None:
    line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    print(f"warning: MLflow at {tracking_uri()} is out of reach, this run is not tracked: {line}",
          file=sys.stderr, flush=True)


def start_run(
    stage: str,
    *,
    key: str,
    settings: Mapping[str, Any],
    inputs: Mapping[str, tuple[str, str]],
    resume: str | None = None,
) -> Run:
    """Open the stage's run, or reopen ``resume`` (a run id that an interrupted process left behind).

    ``inputs`` maps a context word (``raw``, ``tokens``) to ``(path, digest)``; each becomes an MLflow dataset,
    so that ``dataset.digest = '...'`` finds every run on that data.
    """
    try:
        mlflow_client = client()
        tags = run_tags(stage, key)
        if resume is not None:
            from mlflow.exceptions import MlflowException

            try:
                mlflow_client.update_run(resume, status="RUNNING")
                mlflow_client.set_tag(resume, "process", tags["process"])
                return Run(mlflow_client, resume)
            except MlflowException:  # the store is another one, or was emptied: begin a new run
                pass
        name = stage.partition("@")[0]
        experiment = experiment_id(mlflow_client, f"tokenmill/{name}")
        run_name = f"{stage.replace('@', '-')}-{key[:8]}"
        created = mlflow_client.create_run(experiment, tags=tags, run_name=run_name)
        run = Run(mlflow_client, created.info.run_id)
        _describe(mlflow_client, created.info.run_id, settings, inputs)
        return run
    except Exception as error:
        _warn(error)
        return Run(None, None)


def _describe(
    mlflow_client: Any, run_id: str, settings: Mapping[str, Any], inputs: Mapping[str, tuple[str, str]]
) -> None:
    from mlflow.data.dataset_source_registry import resolve_dataset_source
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.entities import DatasetInput, InputTag, Param

    params = [Param(name, str(value)[:6000]) for name, value in sorted(flatten(settings).items())]
    for start in range(0, len(params), 100):  # MLflow's limit for one batch
        mlflow_client.log_batch(run_id, params=params[start : start + 100])
    datasets = []
    for context, (path, digest) in sorted(inputs.items()):
        source = resolve_dataset_source(path)
        # MLflow keeps 36 characters of a digest; 32 hexadecimal digits are plenty to tell data apart.
        dataset = MetaDataset(source, name=path, digest=digest[:32])
        tags = [InputTag("mlflow.data.context", context), InputTag("dvc.path", path)]
        datasets.append(DatasetInput(dataset=dataset._to_mlflow_entity(), tags=tags))
    if datasets:
        mlflow_client.log_inputs(run_id, datasets=datasets)


def close_dead_runs() -> list[str]:
    """Mark runs KILLED that say RUNNING although their process on this host is gone; returns their ids."""
    mlflow_client = client()
    closed = []
    experiments = [e.experiment_id for e in mlflow_client.search_experiments(filter_string="name LIKE 'tokenmill/%'")]
    if not experiments:
        return closed
    for run in mlflow_client.search_runs(experiments, filter_string="attributes.status = 'RUNNING'"):
        host, _, pid = run.data.tags.get("process", "").rpartition(":")
        if host == socket.gethostname() and pid.isdigit() and not _alive(int(pid)):
            mlflow_client.set_terminated(run.info.run_id, status="KILLED")
            closed.append(run.info.run_id)
    return closed


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
