"""The models that are served, by name: folders, each loaded when it is first used."""

import threading
from collections.abc import Mapping
from pathlib import Path

from tokenmill.core.errors import UserError
from tokenmill.model.folder import CONFIG
from tokenmill.model.tensors import WEIGHTS
from tokenmill.serving.limits import MOST_LOADED
from tokenmill.serving.worker import Job, Worker

HOME = Path("data/models")
"""Where the models of a project stand."""

Stamp = tuple[tuple[int, int] | None, ...]
"""By which a folder is known to hold another model than before."""


class UnknownModel(UserError):
    """A request names a model that is not served."""


class Models:
    """Models by name, of which at most :data:`MOST_LOADED` are in memory.

    Args:
        folders: name to folder; None: what stands in ``data/models`` at the time, by the names there.
        project: where ``data`` is.
    """

    def __init__(self, folders: Mapping[str, Path] | None = None, project: Path = Path(".")) -> None:
        self.project = project
        self._folders = folders
        self._workers: dict[str, tuple[Stamp, Worker]] = {}
        self._lock = threading.Lock()

    @property
    def folders(self) -> dict[str, Path]:
        """Name -> folder, in the order of names."""
        if self._folders is not None:
            return dict(self._folders)
        home = self.project / HOME
        there = sorted(home.iterdir()) if home.is_dir() else []
        return {folder.name: folder for folder in there if (folder / CONFIG).is_file()}

    def folder(self, name: str) -> Path:
        """The folder of a model.

        Raises:
            UnknownModel: there is no such model.
        """
        folders = self.folders
        if name not in folders:
            there = ", ".join(folders) or f"none: {HOME} is empty, `make repro` trains what params.yaml names"
            raise UnknownModel(f"no model {name!r} is served; there is {there}")
        return folders[name]

    def submit(self, name: str, job: Job) -> None:
        """Give a job to a model, which is loaded if it is not, or if its files have changed.

        Raises:
            UnknownModel: there is no such model.
            Busy: too many requests wait for it already.
        """
        folder = self.folder(name)
        stamp = _stamp(folder)
        with self._lock:
            before, worker = self._workers.get(name, (None, None))
            if worker is None or before != stamp or not worker.submit(job):
                if worker is not None:
                    worker.close()
                self._workers[name] = stamp, Worker(folder, job)
                self._make_room()

    def close(self) -> None:
        """Let all models go."""
        with self._lock:
            for _, worker in self._workers.values():
                worker.close()
            self._workers.clear()

    def _make_room(self) -> None:
        """Let those models go that are beyond the bound and were not used for the longest time."""
        idle = sorted((worker.used, name) for name, (_, worker) in self._workers.items() if worker.idle)
        for _, name in idle[: max(0, len(self._workers) - MOST_LOADED)]:
            self._workers.pop(name)[1].close()


def _stamp(folder: Path) -> Stamp:
    return tuple(_version(folder / name) for name in (CONFIG, WEIGHTS))


def _version(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
