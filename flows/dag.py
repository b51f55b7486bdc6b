"""The graph of dvc.yaml as DVC itself sees it. Only this and flows/revisions.py touch DVC's Python objects.

They are not a documented interface of DVC: pyproject.toml bounds its version, and tests/flows/test_dag.py
holds what is used here.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, chdir, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvc.dependency.param import ParamsDependency
from dvc.dvcfile import PROJECT_FILE, Lockfile
from dvc.exceptions import DvcException
from dvc.lock import LockError
from dvc.repo import Repo, lock_repo
from dvc.repo.reproduce import get_active_graph, plan_repro
from dvc.rwlock import rwlock

from tokenmill.core.errors import UserError
from tokenmill.core.files import write_bytes
from tokenmill.jobs.tracking.tags import flatten


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


@dataclass(frozen=True)
class Due:
    """A stage that ``dvc repro`` would run, or restore, and why."""

    name: str
    reasons: tuple[str, ...]
    """What changed of its own; empty when only results of stages before it may change."""
    after: tuple[str, ...]
    """Those of the stages before it that are due as well."""


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
        with self._locked(name):
            stages = {_name(stage): stage for stage in self._repo.index.stages if stage.cmd}
            return not stages[name].status(check_updates=True)

    def due(self, targets: Sequence[str] | None = None) -> list[Due]:
        """The stages that ``dvc repro TARGETS`` would run or restore, in order.

        Raises:
            RepoBusy: another dvc process held the repository's lock for 3 s, or works on the same files.
            UserError: an unknown target, or dvc.yaml or dvc.lock cannot be read.
        """
        nodes = self.plan(targets)
        made = [out for node in nodes for out in node.outs]
        found: dict[str, Due] = {}
        with self._locked("the repository"):
            stages = {_name(stage): stage for stage in self._repo.index.stages if stage.cmd}
            for node in nodes:
                after = tuple(name for name in node.upstream if name in found)
                reasons = tuple(_reasons(stages[node.name], made if after else []))
                if reasons or after:
                    found[node.name] = Due(node.name, reasons, after)
        return list(found.values())

    def missing_outs(self, names: Sequence[str] | None = None) -> list[str]:
        """Outs of some stages, or of all, that are missing though dvc.lock names them and the cache has them.

        DVC removes a stage's outs before its command runs. Stages that are running now are left out.
        """
        return [out.def_path for _, out in self._missing(names)]

    def restore_outs(self, names: Sequence[str] | None = None) -> list[str]:
        """Bring back the :meth:`missing_outs`, whole; nothing that exists is touched. Returns their paths.

        Raises:
            RepoBusy: another dvc process held the repository's lock for 3 s.
            UserError: DVC cannot write one of them.
        """
        restored = []
        for cached, out in self._missing(names):
            if out.use_cache:
                with _one_line_errors():
                    out.checkout()
            else:  # kept in git; DVC's run cache has a copy, which `dvc checkout` does not look for
                write_bytes(Path(out.fs_path), cached.read_bytes())
            restored.append(out.def_path)
        return restored

    def push(self) -> int:
        """Push to the default remote what dvc.lock names, and the run cache with all that it speaks of.

        ``dvc push --run-cache`` leaves out the results of other settings, and metrics and plots that are kept
        in git, without which another clone restores no stage. Returns how many files were sent.

        Raises:
            RepoBusy: another dvc process held the repository's lock for 3 s.
            UserError: there is no default remote, or it cannot be reached.
        """
        with self._locked("the repository"), chdir(self.root):  # the run cache takes paths from there
            sent = self._repo.push(run_cache=True)
            cache = self._repo.stage_cache
            entries = [path.parts[-2:] for path in Path(cache.cache_dir).glob("*/*/*")]
            for used in cache.get_used_objs(entries).values():
                result = self._repo.cloud.push(used)
                if result.failed:
                    raise UserError(f"the remote did not take {len(result.failed)} files; push again")
                sent += len(result.transferred)
        return sent

    def _missing(self, names: Sequence[str] | None) -> Iterator[tuple[Path, Any]]:
        """Missing outs with the place of their content in the cache, each under the lock of its stage."""
        with self._locked("the repository"):
            for stage in self._repo.index.stages:
                if not stage.cmd or (names is not None and _name(stage) not in names):
                    continue
                outs = [out for out in stage.outs if out.hash_info and not out.exists]
                if not outs:
                    continue
                with suppress(LockError), self._held([out.fs_path for out in outs]):
                    for out in outs:
                        cached = Path(out.cache.oid_to_path(out.hash_info.value))
                        if cached.exists() and not (out.use_cache and out.changed_cache()):
                            yield cached, out

    @contextmanager
    def _locked(self, what: str) -> Iterator[None]:
        """The repository's lock; dvc.yaml and dvc.lock are read anew."""
        with self._one_at_a_time, _one_line_errors():
            try:
                with lock_repo(self._repo):
                    yield
            except LockError as error:
                raise RepoBusy(f"{what}: another dvc process is at work on it") from error

    def _held(self, paths: Sequence[str]) -> AbstractContextManager[None]:
        """DVC's locks on files, which it holds while it runs the stage that writes them."""
        hardlink = self._repo.config["core"].get("hardlink_lock", False)
        return rwlock(self._repo.tmp_dir, self._repo.fs, "tokenmill restore", [], list(paths), hardlink)


def _reasons(stage: Any, made: Sequence[str]) -> Iterator[str]:
    """What of a stage differs from dvc.lock; ``made`` are outs of stages, which come anew anyway."""
    if not any(dep.hash_info for dep in stage.deps):
        yield "new"
        return
    if stage.changed_stage():
        yield "its command changed"
    for dep in stage.deps:
        if isinstance(dep, ParamsDependency):
            yield from _changed_params(dep)
        elif dep.status() and not any(Path(out).is_relative_to(dep.def_path) for out in made):
            yield f"{dep.def_path} changed"
    for out in stage.outs:
        if out.status():
            yield f"{out.def_path} {'changed' if out.exists else 'is missing'}"


def _changed_params(dep: Any) -> Iterator[str]:
    """``pretrain.gpt.learning_rate: 0.02 -> 0.5``."""
    before, now = flatten(dep.hash_info.value or {}), flatten(dep.read_params())
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            yield f"{name}: {before.get(name, 'nothing')} -> {now.get(name, 'nothing')}"


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
        raise UserError(f"{line} (`tokenmill doctor --fix` mends damaged files)") from error


def lock_file_problem(path: Path) -> str | None:
    """What keeps DVC from reading this dvc.lock, in one line; None when nothing does, or it is not there."""
    if not path.exists():
        return None
    try:
        with _one_line_errors():
            Lockfile(Repo(str(path.parent)), str(path)).load()
    except UserError as error:
        return str(error.__cause__).splitlines()[0]
    return None
