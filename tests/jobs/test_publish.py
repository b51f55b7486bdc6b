"""Atomic writing, digests that depend on content alone, and outs that appear whole."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tokenmill.core.files import (
    digest_tree,
    digest_value,
    remove,
    sha256_file,
    to_json,
    write_bytes,
    write_json,
)
from tokenmill.jobs.publish import project_home, publish


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on another device than the test's own."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second device here")
    folder = memory / f"test-publish-{uuid.uuid4().hex}"
    folder.mkdir()
    yield folder
    remove(folder)


def make_folder(path: Path, word: str, files: int = 3) -> Path:
    """A folder whose files all hold the same word."""
    path.mkdir(parents=True)
    for number in range(files):
        (path / f"{number}.txt").write_text(word, "utf-8")
    return path


def words_in(folder: Path) -> list[str]:
    return [path.read_text("utf-8") for path in sorted(folder.iterdir())]


def test_sha256_of_a_known_text(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    # The one-block example of FIPS 180-2, appendix B.1.
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_file(tmp_path / "abc") == expected
    assert digest_tree(tmp_path / "abc") == expected


def test_digest_of_a_folder_depends_on_names_and_contents_only(tmp_path: Path) -> None:
    one, two = make_folder(tmp_path / "a", "x"), make_folder(tmp_path / "deep" / "b", "x")
    os.utime(two / "1.txt", (1, 1))
    assert digest_tree(one) == digest_tree(two)
    (two / "1.txt").write_text("y", "utf-8")
    changed = digest_tree(two)
    (two / "1.txt").write_text("x", "utf-8")
    (two / "1.txt").rename(two / "9.txt")
    assert len({digest_tree(one), changed, digest_tree(two)}) == 3


def test_digest_of_a_value_ignores_the_order_of_keys() -> None:
    assert digest_value({"a": 1, "b": [2, 3]}) == digest_value({"b": [2, 3], "a": 1})
    assert digest_value({"a": 1, "b": [2, 3]}) != digest_value({"a": 1, "b": [3, 2]})


def test_json_keeps_chinese_readable_and_sorts_keys(tmp_path: Path) -> None:
    write_json(tmp_path / "new" / "x.json", {"b": "中文", "a": 1})
    assert (tmp_path / "new" / "x.json").read_text("utf-8") == '{\n  "a": 1,\n  "b": "中文"\n}\n'
    assert to_json({"b": 1, "a": 2}) == to_json({"a": 2, "b": 1})


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"old": True})
    with pytest.raises(TypeError):
        write_bytes(tmp_path / "x.json", "not bytes")  # type: ignore[arg-type]
    assert json.loads((tmp_path / "x.json").read_text()) == {"old": True}
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


def test_readers_see_the_old_or_the_new_file_and_never_a_part(tmp_path: Path) -> None:
    path, seen, stop = tmp_path / "x.json", set(), threading.Event()
    contents = {to_json({"fill": letter * 200_000}).encode() for letter in "ab"}
    write_bytes(path, min(contents))

    def poll() -> None:
        while not stop.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=poll)
    reader.start()
    for content in sorted(contents) * 20:
        write_bytes(path, content)
    stop.set()
    reader.join()
    assert seen <= contents
    assert seen


def test_readers_see_a_published_folder_whole_or_not_at_all(tmp_path: Path) -> None:
    target, listings, stop = tmp_path / "out" / "model", [], threading.Event()

    def poll() -> None:
        while not stop.is_set():
            try:
                before = (target.stat().st_ino, target.stat().st_mtime_ns)
                names = os.listdir(target)
                # A folder that was moved aside in the meantime is emptied: it no longer stands at the target.
                if (target.stat().st_ino, target.stat().st_mtime_ns) == before:
                    listings.append(len(names))
            except FileNotFoundError:
                continue

    reader = threading.Thread(target=poll)
    reader.start()
    for number in range(20):
        publish({make_folder(tmp_path / "work", str(number), files=50): target})
    while not listings:
        time.sleep(0.001)
    stop.set()
    reader.join()
    assert set(listings) == {50}
    assert words_in(target) == ["19"] * 50
    assert [path.name for path in target.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("old", ["absent", "folder", "file", "read-only", "hard link to a cache"])
def test_what_stood_there_is_replaced(tmp_path: Path, old: str) -> None:
    target, cache = tmp_path / "out" / "model", tmp_path / "cache"
    if old == "file":
        write_bytes(target, b"old")
    elif old != "absent":
        make_folder(target, "old", files=9)
        if old != "folder":
            cache.mkdir()
            for path in target.iterdir():
                os.link(path, cache / path.name)
                path.chmod(0o444)
    publish({make_folder(tmp_path / "work", "new"): target})
    assert words_in(target) == ["new"] * 3
    assert [path.name for path in target.parent.iterdir()] == ["model"]
    if cache.exists():
        assert words_in(cache) == ["old"] * 9, "DVC's cache must not change with the out that is linked to it"


def test_a_file_replaces_a_read_only_file_linked_to_a_cache(tmp_path: Path) -> None:
    target, cache = tmp_path / "metrics.json", tmp_path / "cache.json"
    write_bytes(cache, b"old")
    os.link(cache, target)
    cache.chmod(0o444)
    write_bytes(tmp_path / "work.json", b"new")
    publish({tmp_path / "work.json": target})
    assert (target.read_bytes(), cache.read_bytes()) == (b"new", b"old")


def test_work_on_another_disk_arrives_whole(tmp_path: Path, other_disk: Path) -> None:
    make_folder(tmp_path / "out", "old")
    write_bytes(other_disk / "metrics.json", b"{}")
    publish({
        make_folder(other_disk / "work", "new"): tmp_path / "out",
        other_disk / "metrics.json": tmp_path / "metrics.json",
    })  # fmt: skip
    assert words_in(tmp_path / "out") == ["new"] * 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["metrics.json", "out"]


def test_a_copy_that_fails_leaves_the_old_folder(tmp_path: Path, other_disk: Path) -> None:
    make_folder(tmp_path / "out", "old")
    work = make_folder(other_disk / "work", "new")
    (work / "dangling").symlink_to(work / "nowhere")
    with pytest.raises(OSError, match="No such file"):
        publish({work: tmp_path / "out"})
    assert words_in(tmp_path / "out") == ["old"] * 3


PUBLISHER = """
import sys
from pathlib import Path
from tokenmill.jobs.publish import publish
root = Path(sys.argv[1])
number = 0
while True:
    number += 1
    work = root / "work" / str(number)
    work.mkdir(parents=True)
    for name in range(20):
        (work / f"{name}.txt").write_text(str(number))
    publish({work: root / "out"})
    print(number, flush=True)
"""


def test_killed_at_any_moment_nothing_half_written_stands_there(project: Path) -> None:
    for delay in (0.001, 0.004, 0.009, 0.015):
        process = subprocess.Popen(
            [sys.executable, "-c", PUBLISHER, str(project)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        remove(project / "work")
        # A kill between the two renames leaves the place empty and the old content beside it.
        place = project / "out" if (project / "out").exists() else project / ".out.old"
        words = words_in(place)
        assert len(words) == 20
        assert len(set(words)) == 1
    publish({make_folder(project / "work", "after"): project / "out"})
    assert words_in(project / "out") == ["after"] * 3
    assert not (project / ".out.old").exists()


def test_removing(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "folder", "x")
    (tmp_path / "link").symlink_to(folder)
    remove(tmp_path / "link")
    assert words_in(folder) == ["x"] * 3, "a link is removed, not what it leads to"
    remove(folder)
    remove(folder)
    assert list(tmp_path.iterdir()) == []


def test_home_is_the_repository_also_inside_a_temporary_experiment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    assert project_home() == tmp_path
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "repository"))
    assert project_home() == tmp_path / "repository"
