"""The graph of dvc.yaml as DVC itself sees it: the only module that touches DVC's Python objects.

They are not a documented interface of DVC: pyproject.toml bounds its version, and tests/flows/test_dag.py
holds what is used here.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvc.dvcfile import PROJECT_FILE, Lockfile
from dvc.exceptions import DvcException
from dvc.lock import LockError
from dvc.repo import Repo, lock_repo
from dvc.repo.reproduce import get_active_graph, plan_repro

from tokenmill.core.errors import UserError


class RepoBusy(Exception):
    """Another dvc process holds a lock that is needed; trying again later is enough."""


@dataclass(frozen=True)
class Node:
    """One stage of dvc.yaml."""

    name: str
    """How dvc addresses it: ``clean``, ``pretrain@gpt``."""
    description: str
    upstream: tuple[str, ...]
    """Names of the stages that it waits for."""
    outs: tuple[str, ...]
    """Paths as dvc.yaml writes them."""
    timeout_s: float | None
    """``meta: {timeout_s: ...}`` of the stage in dvc.yaml: seconds after which a run of it is stopped."""


class Graph:
    """The stages of the repository at ``root`` (by default: the one around the current folder)."""

    def __init__(self, root: Path | None = None) -> None:
        with _one_line_errors():
            self._repo = Repo(str(root) if root else None)
        self.root = Path(self._repo.root_dir)
        # A Repo must not be used by two threads at once: its index and its lock's depth are plain attributes.
        self._one_at_a_time = threading.Lock()

    def plan(self, targets: Sequence[str] | None = None) -> list[Node]:
        """What ``dvc repro TARGETS`` would go through, each stage after those that it waits for.

        A target is a stage's name, or the name of a whole ``matrix`` or ``foreach`` group; without targets,
        every stage. As in ``dvc repro``, the way up ends at a frozen stage. Stages without a command (``dvc
        add``, ``dvc import``) are data, not steps, and are left out.

        Raises:
            UserError: a target that dvc.yaml does not know, a dvc.yaml or dvc.lock that cannot be read.
        """
        with self._one_at_a_time, _one_line_errors():
            graph = get_active_graph(self._repo.index.graph)
            stages = {_name(stage): stage for stage in graph if stage.cmd}
            names = [name for target in targets or sorted(stages) for name in _resolve(target, stages)]
            return [
                Node(
                    name=_name(stage),
                    description=stage.desc or "",
                    upstream=tuple(sorted(_name(s) for s in graph.successors(stage) if s.cmd)),
                    outs=tuple(out.def_path for out in stage.outs),
                    timeout_s=_timeout(stage),
                )
                for stage in plan_repro(graph, [stages[name] for name in names])
                if stage.cmd
            ]

    def is_unchanged(self, name: str) -> bool:
        """Whether the stage's command, params, dependencies and outs are what dvc.lock says (about 20 ms).

        Raises:
            RepoBusy: another dvc process held the repository's lock for 3 s, or works on the same files.
            UserError: dvc.yaml or dvc.lock cannot be read.
        """
        with self._one_at_a_time, _one_line_errors():
            try:
                with lock_repo(self._repo):  # reads dvc.yaml and dvc.lock anew
                    stages = {_name(stage): stage for stage in self._repo.index.stages if stage.cmd}
                    return not stages[name].status(check_updates=True)
            except LockError as error:
                raise RepoBusy(f"{name}: another dvc process is at work on it") from error


def _name(stage: Any) -> str:
    """The stage's address in the repository; ``stage.addressing`` is relative to the current folder."""
    file = stage.path_in_repo
    return stage.name if file == PROJECT_FILE else f"{file}:{stage.name}"


def _resolve(target: str, known: Iterable[str]) -> list[str]:
    """Names in ``known`` that the target stands for."""
    if target in known:
        return [target]
    group = [name for name in known if name.partition("@")[0] == target]
    if not group:
        names = ", ".join(sorted(known))
        raise UserError(f'targets: dvc.yaml has no stage "{target}"; it has {names or "no stages"}')
    return group


def _timeout(stage: Any) -> float | None:
    value = (stage.meta or {}).get("timeout_s")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        wanted = "must be a number of seconds > 0"
        raise UserError(f"dvc.yaml: stages.{_name(stage)}.meta.timeout_s {wanted}, got {value!r}")
    return float(value)


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """DVC's complaints about the repository's files become a :class:`UserError`."""
    try:
        yield
    except LockError:
        raise
    except DvcException as error:
        line = " ".join(str(error).split())
        raise UserError(f"{line} (`tokenmill doctor` looks for damaged files)") from error


def lock_file_problem(path: Path) -> str | None:
    """What keeps DVC from reading this dvc.lock, in one line; None when nothing does."""
    try:
        with _one_line_errors():
            Lockfile(Repo(str(path.parent)), str(path)).load()
    except UserError as error:
        return str(error.__cause__).splitlines()[0]
    return None
