"""The commands about what is stored: the registry, and what a crash left behind."""

from pathlib import Path

from lm.errors import UserError


def sync_registry() -> None:
    """Register what data/registry.json names and the MLflow registry lacks; says what was done."""
    from stages.register.registry import sync

    for line in sync(Path("data/registry.json")):
        print(line)


def check(*, fix: bool) -> None:
    """Report damaged DVC files and MLflow runs without a process; mend both with ``fix``.

    Raises:
        UserError: something was found and left as it is.
    """
    from flows.doctor import examine
    from stages.tracking import close_dead_runs

    left = 0
    for finding in examine(Path.cwd(), fix=fix):
        done = f"done: {finding.remedy}" if finding.fixed else f"would: {finding.remedy}"
        kept = f" (the old file is kept at {finding.kept})" if finding.kept else ""
        print(f"{finding.path}: {finding.problem}; {done}{kept}")
        left += not finding.fixed
    if fix:
        closed = close_dead_runs()
        print(f"MLflow: {len(closed)} runs without a process marked KILLED")
    if left:
        raise UserError(f"doctor: {left} damaged files; mend them with `tokenmill doctor --fix`")
