"""``make sbom``: a software bill of materials, in CycloneDX's JSON, from the lock and what is installed.

It names packages, versions, digests and licences; no host, no place and no time, so that the same lock and
environment give the same bytes.
"""

import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from tokenmill.core.files import write_json
from tokenmill.data.ingest.files import licence_of

ROOT = Path(__file__).resolve().parents[1]
PLACE = Path("build/sbom.cdx.json")


def locked(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """``(name, version, SHA-256 digests)`` of each requirement in a lock file."""
    for line in text.replace("\\\n", " ").splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)", line):
            yield match[1], match[2], sorted(re.findall(r"--hash=sha256:([0-9a-f]{64})", line))


def bill(lock: Path) -> dict[str, Any]:
    """The bill of the project and of all that a folder of lock files names.

    What is not installed here, for another platform or processor, has the scope ``optional`` and no licence.
    """
    installed = {_plain(d.name): d for d in metadata.distributions()}
    torch = "torch-cpu.txt" if "+cpu" in installed["torch"].version else "torch.txt"
    components = []
    for file in ("base.txt", torch):
        for name, version, digests in locked((lock / file).read_text("utf-8")):
            found = installed.get(_plain(name))
            if found is not None and found.version != version:
                found = None
            components.append(_component(name, version, digests, found))
    project = {"type": "application", "name": "tokenmill", "version": metadata.version("tokenmill")}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": project | {"licenses": [{"license": {"id": "MIT"}}]}},
        "components": sorted(components, key=lambda component: component["purl"]),
    }


def _component(
    name: str, version: str, digests: list[str], found: metadata.Distribution | None
) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{_plain(name)}@{version.replace('+', '%2B')}",
        "scope": "required" if found is not None else "optional",
        "hashes": [{"alg": "SHA-256", "content": digest} for digest in digests],
    }
    if found is not None:
        component["licenses"] = [{"license": {"name": licence_of(found)}}]
    return component


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> int:
    """Write ``build/sbom.cdx.json``; returns the exit status."""
    made = bill(ROOT / "requirements")
    write_json(ROOT / PLACE, made)
    print(f"{PLACE.as_posix()}: {len(made['components'])} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
