"""The lock agrees with pyproject.toml, carries a hash for each line, and names no index."""

import re
import sys
import tomllib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests import imports as tree

ROOT = Path(__file__).resolve().parents[1]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


@dataclass(frozen=True)
class Locked:
    """One requirement of a lock file with the hashes that follow it."""

    requirement: Requirement
    hashes: tuple[str, ...]

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> Version:
        (specifier,) = self.requirement.specifier
        assert specifier.operator == "==", f"{self.requirement} is not pinned"
        return Version(specifier.version)


def read_lock(text: str) -> list[Locked]:
    """Parse a compiled requirements file."""
    locked = []
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            requirement, *hashes = line.split(" --hash=")
            locked.append(Locked(Requirement(requirement.strip()), tuple(h.strip() for h in hashes)))
    return locked


def declared() -> list[Requirement]:
    """Every dependency of pyproject.toml, extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    return [Requirement(line) for group in groups for line in group]


def disagreements(wanted: list[Requirement], locked: list[Locked]) -> list[str]:
    """One line for each requirement that the lock lacks or holds at a version outside its range."""
    lines = []
    for requirement in wanted:
        entries = [entry for entry in locked if entry.name == canonicalize_name(requirement.name)]
        if not entries:
            lines.append(f"{requirement} is not in the lock")
        lines += [
            f"{requirement} does not hold for {entry.requirement}"
            for entry in entries
            if not requirement.specifier.contains(entry.version, prereleases=True)
        ]
    return lines


def all_locked() -> list[Locked]:
    return [entry for path in LOCKS for entry in read_lock(path.read_text("utf-8"))]


def test_lock_and_ranges_agree() -> None:
    assert disagreements(declared(), all_locked()) == [], "run `make lock`"


def test_a_disagreement_is_seen() -> None:
    locked = read_lock("numpy==2.4.6 ; python_version < '3.12' \\\n    --hash=sha256:00\n")
    assert disagreements([Requirement("numpy>=2.1")], locked) == []
    assert disagreements([Requirement("numpy<2")], locked)
    assert disagreements([Requirement("scipy")], locked)


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_line_is_pinned_with_hashes_and_names_no_host(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"://|--index|--extra-index|--find-links|\.(org|com|net|io)\b", text)
    entries = read_lock(text)
    assert entries
    for entry in entries:
        assert entry.version
        assert entry.requirement.url is None
        assert entry.hashes, f"{entry.requirement} has no hash"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", h) for h in entry.hashes), entry.requirement


def test_both_builds_of_torch_have_one_version() -> None:
    versions = {entry.version.public for entry in all_locked() if entry.name == "torch"}
    assert len(versions) == 1


def test_one_version_of_each_package_applies_here() -> None:
    """Two lines for one package carry markers of which at most one holds (torch's CPU build aside)."""
    names = [e.name for e in all_locked() if not e.requirement.marker or e.requirement.marker.evaluate()]
    twice = {name for name in names if names.count(name) > 1}
    assert twice == {"torch"}


def test_lock_is_closed() -> None:
    """Installing with ``--no-deps`` leaves nothing out: what each locked package asks for is in the lock."""
    locked = all_locked()
    unmet = []
    for name in sorted({entry.name for entry in locked}):
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # meant for another platform
            continue
        asked = [Requirement(line) for line in distribution.requires or []]
        applying = [r for r in asked if r.marker is None or r.marker.evaluate({"extra": ""})]
        here = [e for e in locked if not e.requirement.marker or e.requirement.marker.evaluate()]
        unmet += [f"{name}: {line}" for line in disagreements(applying, here)]
    assert unmet == []


def test_every_imported_package_is_declared() -> None:
    """What our code imports stands in pyproject.toml itself, not only behind something that does."""
    names = {canonicalize_name(requirement.name) for requirement in declared()}
    owners = metadata.packages_distributions()
    undeclared = []
    for path in [file for package in tree.PACKAGES for file in tree.sources(package)]:
        for name in sorted({name.partition(".")[0] for name in tree.imported_names(path)}):
            if name in sys.stdlib_module_names or name in tree.PACKAGES:
                continue
            assert name in owners, (
                f"{path.relative_to(tree.ROOT)} imports {name}, which nothing installed carries"
            )
            if not names & {canonicalize_name(owner) for owner in owners[name]}:
                undeclared.append(f"{path.relative_to(tree.ROOT)}: {name}")
    assert undeclared == []
