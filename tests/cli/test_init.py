"""`tokenmill init`: a new project folder from an example, or one line that says why not."""

import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tokenmill.cli.init import init, wishes
from tokenmill.core.errors import UserError

EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.yaml"))


@pytest.fixture(autouse=True)
def somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Git knows who commits."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "somebody")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "somebody@localhost")


def test_a_project_has_all_that_it_needs_and_nothing_of_the_sample(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mine"
    init(ROOT, folder, "english-gpt")
    assert (folder / "params.yaml").read_bytes() == (ROOT / "examples/english-gpt.yaml").read_bytes()
    for name in (
        "dvc.yaml",
        "params.schema.json",
        ".dvc/config",
        "Makefile",
        "stages/clean.py",
        "tokenmill/cli/main.py",
    ):
        assert (folder / name).read_bytes() == (ROOT / name).read_bytes()
    assert (folder / "data/init/random").exists() and (folder / "data/models/.gitignore").exists()
    for name in ("dvc.lock", "tests", "docs", "examples", "data/metrics", "data/plots", "data/raw"):
        assert not (folder / name).exists()
    git = ["git", "-C", str(folder)]
    assert subprocess.check_output([*git, "status", "--porcelain"]) == b""
    assert b"english-gpt" in subprocess.check_output([*git, "log", "--oneline"])
    out, err = capfd.readouterr()
    assert out == (
        "Put text files below data/sources/english; every line is a document. "
        f"Then: cd {folder} && make repro\n"
    )
    assert err == ""


def test_without_git_the_files_are_copied_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    init(ROOT, tmp_path / "one", "llama")
    (tmp_path / "one/examples").mkdir()
    (tmp_path / "one/params.yaml").rename(tmp_path / "one/examples/llama.yaml")
    (tmp_path / "one/.git").rename(tmp_path / "git")
    monkeypatch.setattr("shutil.which", lambda name: None)
    init(tmp_path / "one", tmp_path / "two", "llama")
    assert not (tmp_path / "two/.git").exists() and (tmp_path / "two/stages/clean.py").exists()


def test_an_unknown_example_is_told_the_names(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"no example 'gpt'; take one of {', '.join(EXAMPLES)}"):
        init(ROOT, tmp_path / "mine", "gpt")
    assert not (tmp_path / "mine").exists()


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", "utf-8")
    for folder in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(UserError, match="is not empty; name a new folder"):
            init(ROOT, folder, "llama")


def test_it_wants_a_checkout(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="copied from a checkout of Tokenmill; run `tokenmill init` in one"):
        init(tmp_path, tmp_path / "mine", "llama")


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_begins_with_when_to_take_it_and_says_what_it_wants(example: str) -> None:
    path = ROOT / "examples" / f"{example}.yaml"
    schema, first = path.read_text("utf-8").splitlines()[:2]
    assert schema == "# yaml-language-server: $schema=params.schema.json"
    assert first.startswith("# Take this when you ")
    assert "data/sources/" in wishes(path)


def test_a_wish_goes_on_to_the_end_of_its_sentence(tmp_path: Path) -> None:
    lines = (
        "  # Put a at b, with",
        "  # c: d.",
        "  # More.",
        "  e: # Put",
        "  # Put f at g",
        "  h: 1",
        "  # i",
    )
    (tmp_path / "params.yaml").write_text("\n".join(lines), "utf-8")
    assert wishes(tmp_path / "params.yaml") == "Put a at b, with c: d. Put f at g"
