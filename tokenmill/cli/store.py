"""The commands about what is stored: the registry, and what a crash left behind."""

from pathlib import Path

from tokenmill.core.errors import UserError
from tokenmill.registry.examine import Incomplete, incomplete_versions
from tokenmill.registry.records import REGISTRY


def register(*, allow_dirty: bool = False) -> None:
    """Register what data/registry.json names and the MLflow registry lacks; says how each model stands."""
    from tokenmill.registry.sync import sync

    standings = sync(allow_dirty=allow_dirty)
    for standing in standings:
        print(standing)
    if not standings:
        print("nothing to register: `register` in params.yaml has no entry")


def set_champion(name: str, version: int) -> None:
    """Move the alias ``champion`` by hand."""
    from tokenmill.registry.sync import promote

    print(promote(name, str(version)))


def check(*, fix: bool) -> None:
    """Report what a crash or a hand left wrong in DVC's files and the MLflow store; mend it with ``fix``.

    Raises:
        UserError: something was found and left as it is, or MLflow cannot be used.
    """
    from flows.doctor import examine
    from tokenmill.jobs.tracking.mend import examine_store

    left = 0
    for finding in examine(Path.cwd(), fix=fix):
        kept = f" (the old file is kept at {finding.kept})" if finding.kept else ""
        _tell(f"{finding.path}: {finding.problem}", finding.remedy + kept, finding.fixed)
        left += not finding.fixed
    in_store = examine_store(fix)
    for trouble in in_store:
        _tell(trouble.problem, trouble.remedy, fix)
    left += 0 if fix else len(in_store)
    lost = any(trouble.lost for trouble in in_store)
    incomplete = [] if lost and not fix else _without_files(fix, lost)
    by_hand = sum(not version.mendable for version in incomplete)
    left += 0 if fix else len(incomplete) - by_hand
    if left:
        raise UserError(f"doctor: {left} to mend; `tokenmill doctor --fix` does it")
    if by_hand:
        raise UserError(f"doctor: {by_hand} to mend by hand, as said above")
    print("nothing is left to mend")


def _without_files(fix: bool, lost: bool) -> list[Incomplete]:
    """Versions whose files are gone; with ``fix``, or where the store was ``lost``, register again."""
    from tokenmill.jobs.tracking.mend import there_is_a_store

    if not REGISTRY.is_file() or not there_is_a_store():
        return []
    from tokenmill.registry.sync import sync

    found = incomplete_versions()
    if fix and (lost or any(version.mendable for version in found)):
        for standing in sync(allow_dirty=True):
            print(standing)
    for version in found:
        _tell(version.problem, version.remedy, fix and version.mendable)
    return found


def _tell(problem: str, remedy: str, done: bool) -> None:
    print(f"{problem}; {'done' if done else 'to do'}: {remedy}")
