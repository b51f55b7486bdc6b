"""What a store that was away has missed: kept in files, and sent when it is there again."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tokenmill.core.files import read_json, remove, write_json
from tokenmill.jobs.publish import exclusive, project_home
from tokenmill.jobs.tracking.dead import is_gone
from tokenmill.jobs.tracking.description import Description, open_run

Row = tuple[str, float, int, int]
"""Name, value, milliseconds since 1970, step."""

BATCH = 1000
"""Metrics in one request: MLflow's limit."""


@dataclass
class Unsent:
    """A run, and what of it is not in the store yet."""

    run: Description
    resume: str | None = None
    """Id of a run that an interrupted process of the same work had opened."""
    run_id: str | None = None
    above: str | None = None
    """The run above it, which takes ``above_rows``."""
    rows: list[Row] = field(default_factory=list)
    above_rows: list[Row] = field(default_factory=list)
    status: str | None = None
    """How it ended, where it has."""
    ended: int | None = None

    def send(self, mlflow_client: Any) -> None:
        """Bring it to the store; what was sent is not there any more, also when the rest fails.

        Raises:
            Exception: whatever MLflow raises when its store is away or refuses something.
        """
        from mlflow.entities import Metric

        if self.run_id is None:
            self.run_id, self.above = open_run(mlflow_client, self.run, self.resume)
        for run_id, rows in ((self.run_id, self.rows), (self.above, self.above_rows)):
            while rows:
                if run_id is not None:
                    mlflow_client.log_batch(run_id, metrics=[Metric(*row) for row in rows[:BATCH]])
                del rows[:BATCH]
        if self.status is not None:
            mlflow_client.set_terminated(self.run_id, status=self.status, end_time=self.ended)

    @property
    def path(self) -> Path:
        """Where it is kept."""
        return folder() / f"{self.run.name}-{self.run.started}.json"

    def keep(self) -> None:
        """Write it to its file: a kill loses nothing of it."""
        content = asdict(self)
        for rows in ("rows", "above_rows"):  # JSON has neither NaN nor infinity
            content[rows] = [(name, repr(value), *rest) for name, value, *rest in content[rows]]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self.path, content)

    def forget(self) -> None:
        """Remove the file: all of it was sent."""
        remove(self.path)


def folder() -> Path:
    """Where unsent runs are kept."""
    return project_home() / ".work" / "untracked"


def read(path: Path) -> Unsent:
    """What :meth:`Unsent.keep` wrote."""
    content = read_json(path, "remove it")
    run = content.pop("run")
    run["datasets"] = {context: tuple(input_) for context, input_ in run["datasets"].items()}
    for rows in ("rows", "above_rows"):
        content[rows] = [(name, float(value), *rest) for name, value, *rest in content[rows]]
    return Unsent(run=Description(**run), **content)


def unsent_runs() -> list[Path]:
    """Files of runs that wait for the store and are not written any more."""
    found = sorted(folder().glob("*.json"))
    return [path for path in found if read(path).status or is_gone(read(path).run.tags.get("process", ""))]


def send_pending(mlflow_client: Any) -> int:
    """Send what the store has missed; the number of runs.

    Raises:
        Exception: the store is away again; what was not sent stays.
    """
    if not folder().is_dir():
        return 0
    sent = 0
    with exclusive(folder().with_suffix(".lock")):
        for path in unsent_runs():
            unsent = read(path)
            unsent.status = unsent.status or "KILLED"
            unsent.send(mlflow_client)
            remove(path)
            sent += 1
    return sent
