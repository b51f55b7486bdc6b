"""Settings, figures and digests of results at a git revision or in a DVC experiment, as DVC reads them.

Beside :mod:`flows.dag` the only module that touches DVC's Python objects.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.scm import RevError, resolve_rev

from tokenmill.core.errors import UserError, one_line
from tokenmill.jobs.tracking.tags import flatten


class Revision(NamedTuple):
    """What a revision holds, each by a dotted name."""

    settings: dict[str, Any]
    """Of params.yaml."""
    figures: dict[str, Any]
    """Of the metrics of all stages, such as ``evaluate@NAME.accuracy``."""
    digests: dict[str, str]
    """Of all other outs, by their paths."""


def read_revision(root: Path, name: str) -> Revision:
    """Read ``name``: a commit, a branch, a tag, a DVC experiment, or ``workspace`` for the files as they are.

    Raises:
        UserError: there is no such revision, or DVC cannot read it.
    """
    try:
        with Repo(str(root)) as repo:
            if name == "workspace":
                return _read(repo)
            try:
                commit = resolve_rev(repo.scm, name)
            except RevError:
                known = "`git log` and `dvc exp show` list what there is"
                raise UserError(f"{name}: neither a git revision nor a DVC experiment; {known}") from None
            with repo.switch(commit):
                return _read(repo)
    except DvcException as error:
        raise UserError(f"{name}: {one_line(str(error))}") from error


def _read(repo: Any) -> Revision:
    """What stands at the revision that the repository was switched to."""
    settings = _contents(repo.params.show())
    metrics = {_stage(path): content for path, content in _contents(repo.metrics.show()).items()}
    digests = {
        out.def_path: str(out.hash_info.value)
        for out in repo.index.outs
        if out.hash_info and not out.metric and not out.plot
    }
    return Revision(flatten(settings.get("params.yaml", {})), flatten(metrics), digests)


def _contents(shown: Mapping[str, Any]) -> dict[str, Any]:
    """File -> content, of what DVC could read."""
    files = shown.get("", {}).get("data", {})
    return {path: file["data"] for path, file in files.items() if "data" in file}


def _stage(path: str) -> str:
    """The stage that writes a file of data/metrics: ``evaluate-NAME.json`` is of ``evaluate@NAME``."""
    return Path(path).stem.replace("-", "@", 1)
