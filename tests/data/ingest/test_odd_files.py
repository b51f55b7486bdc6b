"""What stands below data/sources and is no file, has no name, or holds another file's name."""

import os
import socket
from pathlib import Path

import pytest

from flows.check import check
from tests.data.ingest.helpers import read_source, run, write_files
from tokenmill.core.errors import UserError
from tokenmill.core.files import digest_tree
from tokenmill.data.ingest.files import check_folder
from tokenmill.data.ingest.globs import glob_pattern
from tokenmill.data.ingest.settings import HuggingFaceSource

ODD_NAMES = {b"caf\xe9.txt": "caf\\xe9.txt", b"a\nb.txt": "a\\nb.txt", b"\x1b[31m.txt": "\\x1b[31m.txt"}


def make_odd(folder: Path, kind: str) -> Path:
    """Something named odd.txt that must not be opened."""
    path = folder / "odd.txt"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        here = os.getcwd()
        os.chdir(folder)  # addresses of sockets are short
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
        os.chdir(here)
    elif kind == "dangling link":
        path.symlink_to("nowhere")
    else:
        path.symlink_to(path.name)
    return path


@pytest.mark.parametrize("kind", ["pipe", "socket", "dangling link", "link to itself"])
def test_what_is_no_file_is_named_and_not_waited_for(tmp_path: Path, kind: str) -> None:
    write_files(tmp_path / "sources", {"a.txt": "text"})
    path = make_odd(tmp_path / "sources", kind)
    for asked in (
        lambda: read_source(tmp_path, {}, paths=["*.txt"]),
        lambda: check_folder(tmp_path / "sources"),
    ):
        with pytest.raises(UserError, match=rf"^{path}: .*; remove it$") as stopped:
            asked()
        assert "\n" not in str(stopped.value)
    documents, _ = read_source(tmp_path, {}, paths=["a.txt"])
    assert documents["text"].to_list() == ["text"]


def test_check_finds_it_before_dvc_waits_on_it(tmp_path: Path) -> None:
    (tmp_path / "data/sources").mkdir(parents=True)
    shipped = Path(__file__).resolve().parents[3] / "params.yaml"
    (tmp_path / "params.yaml").write_bytes(shipped.read_bytes())
    make_odd(tmp_path / "data/sources", "pipe")
    with pytest.raises(UserError, match=r"odd\.txt: no file but a pipe, a socket or a device; remove it"):
        list(check(tmp_path))


@pytest.mark.parametrize("name", ODD_NAMES.values())
def test_names_that_are_no_line_of_text(tmp_path: Path, name: str) -> None:
    write_files(tmp_path / "sources", {"a.txt": "text"})
    (spelt,) = (each for each, shown in ODD_NAMES.items() if shown == name)
    Path(os.fsdecode(os.fsencode(tmp_path / "sources") + b"/" + spelt)).write_text("more")
    with pytest.raises(UserError) as stopped:
        read_source(tmp_path, {}, paths=["*.txt"])
    assert str(stopped.value) == (
        f"{tmp_path}/sources/{name}: no UTF-8, or control characters, in its name; rename it"
    )
    with pytest.raises(UserError, match="rename it"):
        check_folder(tmp_path / "sources")
    # Where no source names it, it hinders nothing.
    documents, _ = read_source(tmp_path, {}, paths=["a.txt"])
    assert documents["text"].to_list() == ["text"]
    assert len(digest_tree(tmp_path / "sources")) == 64


@pytest.mark.parametrize(
    "glob", ["*a" * 60, "**/*a" * 60, "**/" * 60 + "x", "?*" * 60 + "b", "*" * 60 + "b", "a*" * 2000],
    ids=["stars", "folders", "only folders", "marks", "run of stars", "long"],
)  # fmt: skip
def test_globs_of_many_stars_end(glob: str) -> None:
    pattern = glob_pattern(glob)
    for name in ("a" * 255 + ".", "/".join(["aa"] * 120) + "/c"):
        assert pattern.fullmatch(name) is None


@pytest.mark.parametrize("content", ["{path}", "{path}\n", "\n{path}", "file://{path}", "secret.po"])
def test_a_po_file_whose_content_is_a_path(
    tmp_path: Path, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    secret = tmp_path / "secret.po"
    secret.write_text('msgid "secret"\nmsgstr "geheim"\n')
    with pytest.raises(UserError, match=r"^a\.po: no \.po file: line \d is "):
        read_source(tmp_path, {"a.po": content.format(path=secret)})


@pytest.mark.parametrize(
    "name", ["here", "../elsewhere", "s3://bucket/name", "a/b/c", "", "hf://datasets/a", "~"]
)
def test_a_dataset_is_below_the_folder_or_has_a_name_on_the_hub(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    (tmp_path / "sources").mkdir()
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(UserError) as stopped:
        run(tmp_path, "x", HuggingFaceSource(kind="huggingface", dataset=name, revision="main"))
    assert "\n" not in str(stopped.value) and "\n" not in name
