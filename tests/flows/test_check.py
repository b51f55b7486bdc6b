"""`tokenmill check`: which stages would run, why, and what params.yaml may have forgotten."""

import subprocess
import sys
from pathlib import Path

import pytest

from flows.check import check, notes, why
from flows.dag import Due, Graph
from stages.params import check_params
from tests.flows import toy
from tests.shipped import shipped
from tokenmill.core.errors import UserError


def due(repo: toy.Toy) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    return {stage.name: (stage.reasons, stage.after) for stage in Graph(repo.root).due()}


def test_nothing_is_due(repo: toy.Toy) -> None:
    assert due(repo) == {}


def test_reasons(repo: toy.Toy) -> None:
    repo.write("params.yaml", "work: {x: 2, y: 1}\n")
    (repo.root / "work-y.txt").unlink()
    more = "  more:\n    cmd: python step.py more seed.txt\n    deps: [seed.txt]\n    outs: [more.txt]\n"
    repo.write("dvc.yaml", toy.DVC_YAML.replace("step.py last", "step.py  last") + more)
    assert due(repo) == {
        "work@x": (("work.x: 1 -> 2",), ()),
        "work@y": (("work-y.txt is missing",), ()),
        "last": (("its command changed",), ("work@x", "work@y")),
        "more": (("new",), ()),
    }


def test_what_only_follows(repo: toy.Toy) -> None:
    repo.write("seed.txt", "other\n")
    assert due(repo) == {
        "first": (("seed.txt changed",), ()),
        "work@x": ((), ("first",)),
        "work@y": ((), ("first",)),
        "last": ((), ("work@x", "work@y")),
    }
    assert repo.log("run") == []


@pytest.mark.parametrize(
    ("stage", "line"),
    [
        (Due("a", ("x changed",), ("b",)), "x changed"),
        (Due("a", ("1", "2", "3", "4", "5"), ()), "1; 2; 3; and 2 more"),
        (Due("a", (), ("b",)), "if b comes out differently"),
        (Due("a", (), ("b", "c", "d", "e")), "if b, c, d, 1 more come out differently"),
    ],
)
def test_in_one_line(stage: Due, line: str) -> None:
    assert why(stage) == line


def test_the_shipped_project() -> None:
    lines = list(check(toy.ROOT))
    assert lines[0].startswith("params.yaml is right; ")
    assert not any(line.startswith("note: ") for line in lines)


def test_notes() -> None:
    params = shipped()
    del params["evaluate"]["bert"], params["evaluate"]["t5"]
    assert list(notes(check_params(params))) == [
        "pretrain.bert: no entry of evaluate measures it",
        "pretrain.t5: no entry of evaluate measures it",
    ]


def command(folder: Path) -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, "-m", "tokenmill", "check"]
    return subprocess.run(line, cwd=folder, env=toy.environment(), capture_output=True, text=True)


def test_a_mistake_is_one_line(tmp_path: Path) -> None:
    text = (toy.ROOT / "params.yaml").read_text("utf-8").replace("source: reviews", "source: views")
    (tmp_path / "params.yaml").write_text(text, "utf-8")
    with pytest.raises(UserError, match=r'^params\.yaml: finetune\.sentiment\.source names "views"'):
        list(check(tmp_path))


def test_outside_a_project_it_says_what_it_wants(tmp_path: Path) -> None:
    done = command(tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "project" in done.stderr
