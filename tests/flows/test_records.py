"""What DVC's own records can disagree on, beside what test_run_cache.py and test_doctor.py hold."""

import shutil
from pathlib import Path

import pytest

from tests.flows import toy


def objects(repo: toy.Toy) -> list[Path]:
    """The files of DVC's cache."""
    return sorted(path for path in (repo.root / ".dvc/cache/files").rglob("*") if path.is_file())


def test_a_run_cache_that_speaks_of_objects_that_are_gone(repo: toy.Toy) -> None:
    shutil.rmtree(repo.root / ".dvc/cache/files")
    (repo.root / "work-x.txt").unlink()
    repo.dvc("repro", "work@x")
    assert repo.log("run") == ["first"], "its out is an object of the others as well"
    assert (repo.root / "work-x.txt").read_text() == "seed\n"


@pytest.mark.parametrize("content", ["", "sad\n"], ids=["cut", "edited"])
def test_an_object_of_the_cache_that_was_changed(repo: toy.Toy, content: str) -> None:
    for path in objects(repo):
        path.chmod(0o644)
        path.write_text(content)
    (repo.root / "work-x.txt").unlink()
    repo.dvc("repro", "work@x")
    assert repo.log("run") == ["first"], "its out is an object of the others as well"
    assert (repo.root / "work-x.txt").read_text() == "seed\n"
    assert "up to date" in repo.dvc("status", "work@x").stdout


def test_outs_that_were_edited_are_replaced(repo: toy.Toy) -> None:
    (repo.root / "work-x.txt").write_text("edited\n")
    repo.dvc("repro")
    assert (repo.root / "work-x.txt").read_text() == "seed\n"
    assert repo.log("run") == []
