"""The graph is the one that `dvc` itself shows; flows/dag.py leans on undocumented objects of DVC."""

import fcntl
import re
from pathlib import Path

import pytest

from flows.dag import Graph, RepoBusy
from tests.flows import toy
from tokenmill.core.errors import UserError


def edges_of_dvc_dag(repo: toy.Toy) -> set[tuple[str, str]]:
    text = repo.dvc("dag", "--mermaid").stdout
    names = dict(re.findall(r'(node\d+)\["(.+?)"\]', text))
    return {(names[a], names[b]) for a, b in re.findall(r"(node\d+)-->(node\d+)", text)}


def test_plan_has_the_edges_of_dvc_dag_cut_at_frozen_stages(repo: toy.Toy) -> None:
    shown = edges_of_dvc_dag(repo)
    assert ("first", "kept") in shown
    planned = {(up, node.name) for node in Graph(repo.root).plan() for up in node.upstream}
    assert planned == shown - {("first", "kept")}
    assert len(planned) == 5


def test_plan_is_in_order_and_complete(repo: toy.Toy) -> None:
    nodes = Graph(repo.root).plan()
    names = [node.name for node in nodes]
    assert sorted(names) == sorted(toy.STAGES)
    for at, node in enumerate(nodes):
        assert set(node.upstream) <= set(names[:at])
    assert nodes[names.index("first")].description == "the beginning"
    assert nodes[names.index("work@y")].outs == ("work-y.txt",)


@pytest.mark.parametrize(
    ("targets", "names"),
    [
        (["work@y"], ["first", "work@y"]),
        (["work"], ["first", "work@x", "work@y"]),
        (["kept"], ["kept"]),
        (["first", "kept"], ["first", "kept"]),
        ([], sorted(toy.STAGES)),
    ],
    ids=str,
)
def test_plan_of_targets(repo: toy.Toy, targets: list[str], names: list[str]) -> None:
    assert sorted(node.name for node in Graph(repo.root).plan(targets)) == names


@pytest.mark.parametrize("target", ["lats", "dvc.yaml", "work-x.txt", "work@", "--help", ""])
def test_only_names_of_stages_are_targets(repo: toy.Toy, target: str) -> None:
    with pytest.raises(UserError, match=r'no stage ".*"; it has first, kept, last, work@x, work@y'):
        Graph(repo.root).plan(["first", target])


def test_data_is_no_step(repo: toy.Toy) -> None:
    repo.write("more.txt", "more")
    repo.dvc("add", "more.txt")
    repo.write("dvc.yaml", toy.DVC_YAML.replace("deps: [seed.txt]", "deps: [seed.txt, more.txt]"))
    assert ("more.txt.dvc", "first") in edges_of_dvc_dag(repo)
    nodes = {node.name: node for node in Graph(repo.root).plan()}
    assert sorted(nodes) == sorted(toy.STAGES)
    assert nodes["first"].upstream == ()


def test_status_look_sees_params_dependencies_and_missing_outs(repo: toy.Toy) -> None:
    graph = Graph(repo.root)
    assert all(graph.is_unchanged(name) for name in toy.STAGES)
    repo.write("params.yaml", "work: {x: 2, y: 1}\n")
    assert [name for name in toy.STAGES if not graph.is_unchanged(name)] == ["work@x"]
    repo.write("seed.txt", "other\n")
    (repo.root / "last.txt").unlink()
    assert [name for name in toy.STAGES if not graph.is_unchanged(name)] == ["first", "work@x", "last"]


def test_status_look_while_another_dvc_holds_the_lock(repo: toy.Toy) -> None:
    graph = Graph(repo.root)
    with (repo.root / ".dvc/tmp/lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(RepoBusy):
            graph.is_unchanged("first")
    assert graph.is_unchanged("first")


@pytest.mark.parametrize("value", ["0", "-1", "soon", "true"])
def test_bad_timeout(repo: toy.Toy, value: str) -> None:
    repo.write("dvc.yaml", toy.DVC_YAML + f"    meta: {{timeout_s: {value}}}\n")
    with pytest.raises(UserError, match=r"dvc\.yaml: stages\.last\.meta\.timeout_s must be a number"):
        Graph(repo.root).plan()


def test_timeout_of_a_stage(repo: toy.Toy) -> None:
    repo.write("dvc.yaml", toy.DVC_YAML + "    meta: {timeout_s: 1.5}\n")
    nodes = {node.name: node.timeout_s for node in Graph(repo.root).plan()}
    assert nodes == {"first": None, "work@x": None, "work@y": None, "kept": None, "last": 1.5}


@pytest.mark.parametrize("text", ["stages: [", "stages: {first: {}}", "stages: {first: {cmd: a, outs: 3}}"])
def test_broken_dvc_yaml_is_one_line(repo: toy.Toy, text: str) -> None:
    repo.write("dvc.yaml", text)
    with pytest.raises(UserError, match=r"dvc\.yaml") as error:
        Graph(repo.root).plan()
    assert "\n" not in str(error.value)


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not inside of a DVC repository"):
        Graph(tmp_path)
