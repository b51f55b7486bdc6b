"""The commands about what is stored: the registry, and what a crash left behind."""

import os
from pathlib import Path

from tokenmill.core.errors import UserError


def register() -> None:
    """Register what data/registry.json names and the MLflow registry lacks; says how each model stands."""
    from tokenmill.registry.sync import sync

    standings = sync()
    for standing in standings:
        print(standing)
    if not standings:
        print("nothing to register: `register` in params.yaml has no entry")


def set_champion(name: str, version: int) -> None:
    """Move the alias ``champion`` by hand."""
    from tokenmill.registry.sync import promote

    print(promote(name, str(version)))


def check(*, fix: bool) -> None:
    """Report damaged DVC files and MLflow runs whose process is gone; mend both with ``fix``.

    Raises:
        UserError: something was found and left as it is, or MLflow cannot be reached.
    """
    from flows.doctor import examine

    left = 0
    for finding in examine(Path.cwd(), fix=fix):
        done = f"done: {finding.remedy}" if finding.fixed else f"to do: {finding.remedy}"
        kept = f" (the old file is kept at {finding.kept})" if finding.kept else ""
        print(f"{finding.path}: {finding.problem}; {done}{kept}")
        left += not finding.fixed
    dead = _runs_without_process(fix)
    for run_id in dead:
        done = "done: marked KILLED" if fix else "to do: mark it KILLED"
        print(f"MLflow run {run_id}: says RUNNING, but its process is gone; {done}")
    left += 0 if fix else len(dead)
    if left:
        raise UserError(f"doctor: {left} to mend; `tokenmill doctor --fix` does it")
    print("nothing is left to mend")


def _runs_without_process(fix: bool) -> list[str]:
    from tokenmill.jobs.publish import project_home
    from tokenmill.jobs.tracking.dead import close_dead_runs, dead_runs
    from tokenmill.jobs.tracking.store import first_line, tracking_uri, without_secrets

    if "MLFLOW_TRACKING_URI" not in os.environ and not (project_home() / "mlflow.db").exists():
        return []  # no run was ever tracked here; looking would make the store
    try:
        return close_dead_runs() if fix else dead_runs()
    except Exception as error:
        where = without_secrets(tracking_uri())
        raise UserError(
            f"MLflow at {where} cannot be reached: {first_line(error)}; start it or set MLFLOW_TRACKING_URI"
        ) from None
