"""T7: a killed dvc can leave a broken dvc.lock or rwlock, because it writes both in place."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows.dag import Graph
from flows.doctor import examine, mend_files
from tests.flows import toy
from tokenmill.core.errors import UserError


def cut_lock(repo: toy.Toy, share: float) -> str:
    path = repo.root / "dvc.lock"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    return path.read_text()


def test_a_healthy_repository(repo: toy.Toy) -> None:
    before = (repo.root / "dvc.lock").read_bytes()
    assert examine(repo.root, fix=True) == []
    assert (repo.root / "dvc.lock").read_bytes() == before
    assert not (repo.root / ".dvc/tmp/doctor").exists()


@pytest.mark.parametrize(
    "damage", ["", "\0\0\0", "<<<<<<< HEAD\nschema: '2.0'\n", "schema: '2.0'\nstages: 3"]
)
def test_broken_dvc_lock(repo: toy.Toy, damage: str) -> None:
    whole = (repo.root / "dvc.lock").read_bytes()
    repo.write("dvc.lock", damage)
    with pytest.raises(UserError, match=r"dvc\.lock.*tokenmill doctor"):
        Graph(repo.root).is_unchanged("first")

    (seen,) = examine(repo.root)
    assert (seen.path, seen.fixed, seen.kept) == ("dvc.lock", False, None)
    assert "committed version" in seen.remedy
    assert (repo.root / "dvc.lock").read_text() == damage

    (mended,) = examine(repo.root, fix=True)
    assert mended.fixed and mended.problem == seen.problem
    assert mended.kept is not None and (repo.root / mended.kept).read_text() == damage
    assert (repo.root / "dvc.lock").read_bytes() == whole
    assert all(Graph(repo.root).is_unchanged(name) for name in toy.STAGES)
    assert examine(repo.root) == []


def test_what_dvc_reads_is_left_alone_and_what_it_does_not_read_is_found(repo: toy.Toy) -> None:
    whole = (repo.root / "dvc.lock").read_bytes()
    verdicts = set()
    for cut in range(0, len(whole), 41):
        (repo.root / "dvc.lock").write_bytes(whole[:cut])
        try:
            Graph(repo.root).is_unchanged("last")
            readable = True
        except UserError:
            readable = False
        assert (examine(repo.root) == []) == readable, whole[:cut]
        verdicts.add(readable)
    assert verdicts == {True, False}


def test_broken_dvc_lock_that_git_does_not_have(repo: toy.Toy) -> None:
    repo.write("params.yaml", "work: {x: 2, y: 1}\n")
    repo.dvc("repro")
    ran = repo.log("run")
    subprocess.run(["git", "rm", "-q", "--cached", "dvc.lock"], cwd=repo.root, check=True)
    commit = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "-m", "no lock"]
    subprocess.run(commit, cwd=repo.root, check=True)
    cut_lock(repo, 0)
    (mended,) = examine(repo.root, fix=True)
    assert "remove it" in mended.remedy
    # What the remedy promises: all of it comes back from the run cache, nothing runs again.
    repo.dvc("commit", "-f", "kept")
    restored = repo.dvc("repro").stdout
    assert restored.count("is cached - skipping run") >= 3
    assert repo.log("run") == ran
    assert all(Graph(repo.root).is_unchanged(name) for name in toy.STAGES)


def test_missing_outs_are_found_and_brought_back(repo: toy.Toy) -> None:
    (repo.root / "work-x.txt").unlink()
    (seen,) = examine(repo.root)
    assert (seen.path, seen.fixed) == ("work-x.txt", False)
    assert [finding.fixed for finding in examine(repo.root, fix=True)] == [True]
    assert (repo.root / "work-x.txt").exists()
    assert examine(repo.root) == []


def test_what_the_cache_does_not_hold_is_nothing_to_mend(repo: toy.Toy) -> None:
    (repo.root / "work-x.txt").unlink()
    shutil.rmtree(repo.root / ".dvc/cache")
    assert examine(repo.root, fix=True) == []


@pytest.mark.parametrize(
    "damage", ["", '{"write": {"/a', "[]", '{"write": {"/a": {"pid": 1}}}', '{"other": {}}']
)
def test_garbled_rwlock(repo: toy.Toy, damage: str) -> None:
    repo.write(".dvc/tmp/rwlock", damage)
    (seen,) = examine(repo.root)
    assert (seen.path, seen.fixed) == (".dvc/tmp/rwlock", False)
    (mended,) = examine(repo.root, fix=True)
    assert mended.kept is not None and (repo.root / mended.kept).read_text() == damage
    assert not (repo.root / ".dvc/tmp/rwlock").exists()
    assert examine(repo.root) == []


def test_repro_fails_on_a_garbled_rwlock_until_the_doctor_came(repo: toy.Toy) -> None:
    repo.write(".dvc/tmp/rwlock", "")
    assert repo.dvc("repro", "first", check=False).returncode != 0
    assert [finding.fixed for finding in examine(repo.root, fix=True)] == [True]
    repo.dvc("repro", "first")


@pytest.mark.parametrize("damaged", ["dvc.lock", ".dvc/tmp/rwlock"])
def test_what_make_repro_and_the_flow_begin_with(repo: toy.Toy, damaged: str) -> None:
    whole = (repo.root / "dvc.lock").read_bytes()
    line = [sys.executable, "-m", "flows.doctor"]
    environment = toy.environment()
    for garbled in ("\0", ""):
        repo.write(damaged, garbled)
        with pytest.raises(UserError, match="tokenmill doctor --fix") as said:
            Graph(repo.root).is_unchanged("first")
        assert "\n" not in str(said.value)
        done = subprocess.run(line, cwd=repo.root, env=environment, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        (told,) = done.stdout.splitlines()
        assert told.startswith(f"{damaged}: ") and "; done: " in told and "the old file is kept" in told
        assert (repo.root / "dvc.lock").read_bytes() == whole
        assert "up to date" in repo.dvc("repro").stdout


def test_files_that_are_well_are_read_while_dvc_is_at_work(repo: toy.Toy) -> None:
    with (repo.root / ".dvc/tmp/lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert mend_files(repo.root) == []


def test_locks_of_the_dead_go_and_those_of_the_living_stay(repo: toy.Toy) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    me, gone = {"pid": os.getpid(), "cmd": "dvc repro a"}, {"pid": ended.pid, "cmd": "dvc repro b"}
    repo.write(
        ".dvc/tmp/rwlock",
        json.dumps({"write": {"/a": me, "/b": gone}, "read": {"/c": [me, gone], "/d": [gone]}}),
    )
    assert str(ended.pid) in examine(repo.root)[0].problem
    examine(repo.root, fix=True)
    assert json.loads((repo.root / ".dvc/tmp/rwlock").read_text()) == {
        "write": {"/a": me},
        "read": {"/c": [me]},
    }
    assert examine(repo.root) == []


def test_a_process_that_got_the_number_of_a_dead_one(repo: toy.Toy) -> None:
    path = repo.root / ".dvc/tmp/rwlock"
    repo.write(".dvc/tmp/rwlock", json.dumps({"write": {"/a": {"pid": os.getpid(), "cmd": "dvc repro a"}}}))
    assert examine(repo.root) == []
    os.utime(path, (1e9, 1e9))  # written before this process began
    assert len(examine(repo.root, fix=True)) == 1
    assert not path.exists()


def test_nothing_is_touched_while_dvc_is_at_work(repo: toy.Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.doctor.LOCK_WAIT_S", 0.3)
    cut_lock(repo, 0)
    with (repo.root / ".dvc/tmp/lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="a dvc process is at work"):
            examine(repo.root, fix=True)
    assert (repo.root / "dvc.lock").read_bytes() == b""


def test_two_repairs_in_one_second_keep_both_copies(repo: toy.Toy) -> None:
    kept = set()
    for damage in ("", "[", "]"):
        repo.write(".dvc/tmp/rwlock", damage)
        (finding,) = examine(repo.root, fix=True)
        assert finding.kept is not None and (repo.root / finding.kept).read_text() == damage
        kept.add(finding.kept)
    assert len(kept) == 3


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a DVC repository"):
        examine(tmp_path)
