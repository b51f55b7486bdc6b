"""What a stage's result comes from (inputs, settings, code), and whether that is still so at its end.

DVC writes params and dependencies into dvc.lock after the command has run. A file that was edited meanwhile
would stand there as the origin of a result that it had no part in.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from ruamel.yaml import YAML

from tokenmill.core.errors import UserError
from tokenmill.core.files import digest_tree, digest_value, sha256_file
from tokenmill.jobs.tracking.tags import flatten

PROJECT_FILE = Path("dvc.yaml")
LIBRARY = Path(__file__).resolve().parents[2]
"""The folder in which tokenmill/ stands, beside stages/ where this is a checkout."""

Stamps = dict[str, tuple[int, int]]


def plain(settings: Any) -> Any:
    """Settings (pydantic models, maps of them) as JSON values."""
    if isinstance(settings, BaseModel):
        return settings.model_dump()
    if isinstance(settings, Mapping):
        return {name: plain(value) for name, value in settings.items()}
    return settings


def all_code() -> dict[str, str]:
    """SHA-256 of every file of the library and of the stages beside it, by its path."""
    return _digests([LIBRARY / "stages", LIBRARY / "tokenmill"], LIBRARY)


def stage_code(stage: str) -> dict[str, str]:
    """SHA-256 of every file of code that dvc.yaml of the current folder names for the stage, by its path.

    ``tokenmill/jobs`` is no stage's dependency: it decides about no byte of what comes out. Where there is no
    dvc.yaml, or not this stage in it, all code counts.
    """
    entry = _entry(stage)
    if entry is None:
        return all_code()
    paths = [str(dep) for dep in entry.get("deps", ()) if "${" not in str(dep)]
    return _digests([Path(path) for path in paths if not path.startswith("data/")], Path())


def _entry(stage: str) -> Mapping[str, Any] | None:
    """What dvc.yaml says of a stage; of a group's member, what it says of each."""
    if not PROJECT_FILE.exists():
        return None
    entry = YAML(typ="safe", pure=True).load(PROJECT_FILE)["stages"].get(stage.partition("@")[0])
    return entry["do"] if entry and "do" in entry else entry


def _digests(paths: list[Path], root: Path) -> dict[str, str]:
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*"))]
    return {
        file.relative_to(root).as_posix(): sha256_file(file)
        for file in sorted(files)
        if file.is_file() and "__pycache__" not in file.parts
    }


def stamps(path: Path) -> Stamps:
    """Size and time of change of a file, or of every file below a folder."""
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    stats = {file.as_posix(): file.stat() for file in files if file.is_file()}
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()}


@dataclass(frozen=True)
class Lineage:
    """What a stage's result comes from, as it was when the stage began."""

    stage: str
    inputs: Mapping[str, Path]
    digests: Mapping[str, str]
    """SHA-256 of each input."""
    settings: Any
    """As JSON values."""
    code: Mapping[str, str]
    """SHA-256 of each file."""
    stamps: Mapping[str, Stamps]

    @property
    def key(self) -> str:
        """16 hexadecimal digits; equal for equal settings, inputs and code."""
        parts = {"settings": self.settings, "inputs": self.digests, "code": self.code}
        return digest_value(parts)[:16]

    def check(self, settings: Callable[[], Any]) -> None:
        """Compare with what is there now; files of inputs are read again only where size or time differ.

        Raises:
            UserError: something changed; the first is named, with what can be done.
        """
        changed = [*self._settings_changes(settings), *self._code_changes(), *self._input_changes()]
        if changed:
            more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
            raise UserError(
                f"{changed[0]}{more} while {self.stage} ran; nothing was published: change it back and run "
                "again to finish this result, or just run again to begin anew"
            )

    def _settings_changes(self, settings: Callable[[], Any]) -> list[str]:
        place = _params_of(self.stage)
        try:
            now = plain(settings())
        except KeyError:
            return [f"params.yaml: {place} was removed"]
        before, after = (flatten({place: value} if place else value) for value in (self.settings, now))
        return [
            f"params.yaml: {name} changed from {_shown(before, name)} to {_shown(after, name)}"
            for name in sorted(before.keys() | after.keys())
            if before.get(name) != after.get(name)
        ]

    def _code_changes(self) -> list[str]:
        now = stage_code(self.stage)
        paths = sorted(self.code.keys() | now.keys())
        return [f"{path} changed" for path in paths if self.code.get(path) != now.get(path)]

    def _input_changes(self) -> list[str]:
        changes = []
        for name, path in self.inputs.items():
            before, now = self.stamps[name], stamps(path)
            touched = [
                file for file in sorted(before.keys() | now.keys()) if before.get(file) != now.get(file)
            ]
            if touched and (not path.exists() or digest_tree(path) != self.digests[name]):
                changes.append(f"{touched[0]} changed")
        return changes


def observe(
    stage: str, settings: Any, inputs: Mapping[str, Path], digests: Callable[[], Mapping[str, str]]
) -> Lineage:
    """The lineage of a result that is about to be made.

    ``digests`` reads the inputs; it is called after their stamps are taken, so that no change is missed.
    """
    before = {name: stamps(path) for name, path in inputs.items()}
    return Lineage(stage, inputs, digests(), plain(settings), stage_code(stage), before)


def _params_of(stage: str) -> str:
    """Where in params.yaml the settings of a stage stand; empty where they are several groups."""
    params = (_entry(stage) or {}).get("params", [])
    if len(params) > 1:
        return ""
    return str(params[0]).replace("${key}", stage.partition("@")[2]) if params else stage.replace("@", ".")


def _shown(settings: Mapping[str, Any], name: str) -> str:
    return json.dumps(settings[name], ensure_ascii=False) if name in settings else "nothing"
