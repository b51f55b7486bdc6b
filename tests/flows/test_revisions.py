"""What DVC's repository holds at a commit, in an experiment and in the workspace, and their comparison."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.revisions import Revision, read_revision
from tokenmill.cli.compare import compare
from tokenmill.core.errors import UserError

PIPELINE = """\
stages:
  evaluate:
    foreach: ${evaluate}
    do:
      cmd: python work.py ${key}
      params: [finetune]
      deps: [work.py]
      outs: ["model-${key}.txt"]
      metrics: ["data/metrics/evaluate-${key}.json": {cache: false}]
"""
WORK = """\
import json, re, sys
epochs = int(re.search("epochs: (.)", open("params.yaml").read())[1])
with open(f"model-{sys.argv[1]}.txt", "w") as model:
    model.write(f"{epochs}")
with open(f"data/metrics/evaluate-{sys.argv[1]}.json", "w") as metrics:
    json.dump({"accuracy": round(0.8 + epochs / 100, 2), "rivals": {"tfidf": 0.75}, "documents": 40}, metrics)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a commit, an experiment and a changed workspace."""
    root = tmp_path_factory.mktemp("revisions")
    env = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    for role in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{role}_NAME": "somebody", f"GIT_{role}_EMAIL": "somebody@localhost"}

    def run(*command: str) -> None:
        done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def dvc(*arguments: str) -> None:
        run(sys.executable, "-m", "dvc", *arguments)

    def commit(name: str) -> None:
        run("git", "add", "--all")
        run("git", "commit", "--quiet", "--message", name)
        run("git", "tag", name)

    run("git", "init", "--quiet")
    dvc("init", "--quiet")
    (root / "stages").mkdir()
    (root / "data/metrics").mkdir(parents=True)
    (root / "work.py").write_text(WORK)
    (root / "dvc.yaml").write_text(PIPELINE)
    (root / "params.yaml").write_text("finetune:\n  mood: {epochs: 1, task: '[b]'}\nevaluate:\n  mood: {}\n")
    dvc("repro", "--quiet")
    commit("one")
    dvc("exp", "run", "--quiet", "--name", "longer", "-S", "finetune.mood.epochs=3")
    run("git", "checkout", "--quiet", ".")
    (root / "data/metrics/evaluate-mood.json").write_text('{"accuracy": 0.5, "rivals": {"tfidf": 0.75}}')
    return root


def test_a_revision_has_settings_figures_and_digests(project: Path) -> None:
    one = read_revision(project, "one")
    assert one.settings["finetune.mood.epochs"] == 1 and one.settings["finetune.mood.task"] == "[b]"
    assert one.figures == {
        "evaluate@mood.accuracy": 0.81,
        "evaluate@mood.documents": 40,
        "evaluate@mood.rivals.tfidf": 0.75,
    }
    assert [*one.digests] == ["model-mood.txt"] and len(one.digests["model-mood.txt"]) == 32
    assert read_revision(project, "HEAD") == one


def test_experiments_and_the_workspace_are_revisions(project: Path) -> None:
    longer = read_revision(project, "longer")
    assert longer.figures["evaluate@mood.accuracy"] == 0.83
    assert longer.digests != read_revision(project, "one").digests
    workspace = read_revision(project, "workspace")
    assert workspace.figures == {"evaluate@mood.accuracy": 0.5, "evaluate@mood.rivals.tfidf": 0.75}
    assert isinstance(workspace, Revision)


def test_what_differs_stands_side_by_side(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    compare("one", "longer", everything=False)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    digests = [read_revision(project, name).digests["model-mood.txt"][:12] for name in ("one", "longer")]
    assert lines == [
        "one longer difference",
        "settings",
        "finetune.mood.epochs 1 3",
        "figures",
        "evaluate@mood.accuracy 81.0% 83.0% +2.00 points, better",
        "digests",
        f"model-mood.txt {' '.join(digests)}",
        "3 equal ones are not shown; --all shows them",
    ]
    compare("one", "workspace", everything=True)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    for line in (
        "finetune.mood.task [b] [b]",
        "evaluate@mood.accuracy 81.0% 50.0% -31.00 points, worse",
        "evaluate@mood.documents 40 –",
        "evaluate@mood.rivals.tfidf 75.0% 75.0%",
    ):
        assert line in lines
    compare("one", "HEAD", everything=False)
    assert capsys.readouterr().out.startswith("no difference in settings, figures and digests\n")


def test_what_is_no_revision(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    with pytest.raises(UserError, match=r"^two: neither a git revision nor a DVC experiment; `git log` and"):
        compare("one", "two", everything=False)
    with pytest.raises(UserError, match=r"give two versions .*, or two git revisions or DVC experiments$"):
        compare("one", "models:/mood/1", everything=False)
    monkeypatch.chdir(project.parent)
    with pytest.raises(UserError, match="no project here"):
        compare("one", "longer", everything=False)
