"""Registered versions in the playground: under their addresses, from their files."""

from pathlib import Path

from tokenmill.cli.playground import folders
from tokenmill.registry.sync import sync


def test_registered_versions_are_served_by_their_address(registered: Path) -> None:
    sync()
    found = folders(["models:/our-scribe@champion", "models:/our-scribe/1"])
    assert list(found) == ["our-scribe@champion", "our-scribe/1"]
    assert all((folder / "model.safetensors").is_file() for folder in found.values())
