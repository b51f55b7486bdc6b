"""What a version comes from, beside its model's ancestry: written into its package when it is registered."""

import platform
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.core.files import read_json, sha256_file, write_json
from tokenmill.jobs.tracking.store import patient_http, tracking_uri
from tokenmill.jobs.tracking.tags import git_commit, processor
from tokenmill.jobs.tracking.wording import without_secrets
from tokenmill.registry.files import Stored
from tokenmill.registry.trained_on import descends

FILE = "provenance.json"
DECIDING = ("dvc.yaml", "params.yaml", "requirements", "stages", "tokenmill", "data/init")
"""What decides about a result and stands in git: code, settings, versions of packages. dvc.lock, metrics and
plots, which are results, differ from the commit after every run."""


def write_provenance(path: Path, folder: Path, ancestry: Mapping[str, Any]) -> None:
    """Write what the project in the current folder knows of the model in ``folder`` to ``path``."""
    write_json(
        path,
        {
            "model": folder.name,
            "commit": git_commit(),
            "remote": without_secrets(git("remote", "get-url", "origin") or ""),
            "changed": changed_files(),
            "params": _text(Path("params.yaml")),
            "dvc_lock": _text(Path("dvc.lock")),
            "machine": processor(),
            "python": platform.python_version(),
            "raw_files": dict(_raw_files(Path("data/sources"))),
            **known_here(ancestry),
        },
    )


def known_here(ancestry: Mapping[str, Any]) -> dict[str, Any]:
    """``sources`` and ``clean`` of a model that was trained on the data of the current folder; else {}."""
    clean = Path("data/clean")
    if not descends(ancestry, clean):
        return {}
    return {"sources": _sources(Path("data/raw/manifest.json")), "clean": _counts(clean / "report.json")}


def read_provenance(stored: Stored) -> dict[str, Any] | None:
    """What stands in a version's package; None of one that was registered without it."""
    if stored.folder is not None:
        path = stored.folder / FILE
        return read_json(path, "") if path.is_file() else None
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    place = f"{stored.location.rstrip('/')}/{FILE}"
    with tempfile.TemporaryDirectory() as folder, patient_http():
        try:
            found = download_artifacts(artifact_uri=place, dst_path=folder, tracking_uri=tracking_uri())
        except (OSError, MlflowException):
            return None
        return read_json(Path(found), "")


def changed_files() -> list[str]:
    """Files of DECIDING that differ from the commit, or that git does not know; [] outside git."""
    lines = (git("status", "--porcelain", "--no-renames", "--", *DECIDING) or "").splitlines()
    return sorted(line[3:].strip('"') for line in lines)


def need_commit(name: str) -> None:
    """Refuse to register a new version of the model ``name`` that nobody could make again.

    Raises:
        UserError: something that decides about it is not committed.
    """
    changed = changed_files()
    if changed:
        more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
        raise UserError(
            f"{changed[0]}{more} is not committed, so that nobody could make this version of {name} again; "
            "commit it and run `tokenmill register`, or run `tokenmill register --allow-dirty`"
        )


def git(*arguments: str, folder: Path | None = None) -> str | None:
    """What git prints, without the last line's end; None where it fails."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, errors="replace", check=False
        )
    except OSError:
        return None
    return done.stdout.rstrip("\n") if done.returncode == 0 else None


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.is_file() else ""


def _raw_files(folder: Path) -> Iterator[tuple[str, str]]:
    """The files below data/sources and their SHA-256."""
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_file():
            yield path.relative_to(folder).as_posix(), sha256_file(path)


def _sources(path: Path) -> dict[str, Any]:
    """Of each source what ingest noted: licence, package, files with their digests."""
    sources: dict[str, Any] = read_json(path, "")["sources"] if path.is_file() else {}
    return {
        name: {key: entry[key] for key in ("license", "package", "documents", "sha256") if key in entry}
        | {"files": {file["name"]: file["sha256"] for file in entry["files"]}}
        for name, entry in sources.items()
    }


def _counts(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    total = read_json(path, "")["total"]
    dropped = {rule: count for rule, count in total["dropped"].items() if count}
    return {"read": total["read"], "kept": total["kept"], "splits": total["splits"], "dropped": dropped}
