"""Finished work that waits in its folder until dvc.lock names it.

DVC hashes and copies the outs when the command has ended, and writes dvc.lock last. If it is killed
meanwhile, it removes the outs and runs the command again, which then publishes what is kept here. Kept are
hard links to the published files, which take no room.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, YAMLError

from tokenmill.core.errors import UserError
from tokenmill.core.files import remove, write_json
from tokenmill.jobs.lineage import Stamps, stamps
from tokenmill.jobs.work import only_one

LOCK_FILE = Path("dvc.lock")
NOTE = "finished.json"
KEPT = ("out", "run.json", "time.json", NOTE)
"""What stays of a finished work folder; checkpoints and parts go."""


def note_finished(work: Path, outs: Mapping[Path, Path]) -> None:
    """Write down that all outs are written: ``{where they are in the work folder: their place}``."""
    entries = {
        str(target): {"from": source.relative_to(work).as_posix(), "files": _below(source)}
        for source, target in outs.items()
    }
    write_json(work / NOTE, entries)


def is_finished(work: Path) -> bool:
    """Whether the outs in a work folder are all there, and as they were when they were finished."""
    try:
        note = json.loads((work / NOTE).read_text("utf-8"))
        return all(_below(work / entry["from"]) == entry["files"] for entry in note.values())
    except (FileNotFoundError, ValueError):
        return False


def is_recorded(stage: str, work: Path) -> bool:
    """Whether dvc.lock of the current folder names the finished outs as those of the stage.

    Folders are compared by their size and number of files, files by their MD5 as well: DVC's digest of a
    folder would take as long as DVC took to compute it.
    """
    note = json.loads((work / NOTE).read_text("utf-8"))
    try:
        entry = YAML(typ="safe").load(LOCK_FILE)["stages"][stage]
        known = {out["path"]: out for out in entry["outs"]}
    except (OSError, YAMLError, KeyError, TypeError):
        return False
    return all(_is_same(work / out["from"], known.get(path, {})) for path, out in note.items())


def _is_same(source: Path, known: Mapping[str, Any]) -> bool:
    sizes = [size for size, _ in stamps(source).values()]
    if source.is_dir():
        return (known.get("size"), known.get("nfiles")) == (sum(sizes), len(sizes))
    digest = hashlib.md5(source.read_bytes(), usedforsecurity=False).hexdigest()
    return known.get("md5") == digest


def keep_finished(work: Path) -> None:
    """Remove all but the outs of a finished work folder; all of it, if they are not there any more."""
    if not is_finished(work):
        remove(work)
        return
    for path in work.iterdir():
        if path.name not in KEPT:
            remove(path)


def remove_recorded(home: Path) -> None:
    """Remove finished work, of any stage below ``.work``, that dvc.lock has by now."""
    for note in sorted(home.glob(f"*/*/{NOTE}")):
        stage, work = note.parents[1].name, note.parent
        with suppress(UserError), only_one(work, stage):  # in use: it is its own stage's to remove
            if note.exists() and (not is_finished(work) or is_recorded(stage, work)):
                remove(work)


def _below(path: Path) -> dict[str, list[int]]:
    """Size and time of change of a file, or of each below a folder, by its path from there."""
    found: Stamps = stamps(path)
    return {Path(name).relative_to(path).as_posix(): list(stamp) for name, stamp in sorted(found.items())}
