"""What DVC promises, in the shape of our dvc.yaml: groups, folders as deps, metrics and plots kept in git.

Every stage is restored from the run cache after a setting was changed and changed back, after a run that
failed or was stopped, and in another clone through a remote; and the outs that DVC removes before a stage
runs come back when it does not end well.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from flows.dag import Graph
from flows.doctor import examine
from tests.flows import toy
from tokenmill.core.errors import UserError

STAGES = ["clean", "pretrain@gpt", "pretrain@t5", "finetune@task", "evaluate@gpt", "evaluate@task", "report"]
PARAMS = {
    "clean": {"rule": 1},
    "pretrain": {
        "gpt": {"init_from": "data/init/random", "rate": 1},
        "t5": {"init_from": "data/init/random", "rate": 1},
    },
    "finetune": {"task": {"init_from": "data/models/gpt", "rate": 1}},
    "evaluate": {"gpt": {"order": 1}, "task": {"order": 1}},
}

# Each stage writes its out and what is kept in git, as control/STAGE says: or fails, or waits to be stopped.
STEP = """\
import json, sys, time
from pathlib import Path

group, name = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
stage = f"{group}-{name}".strip("-")
with open("runs.log", "a") as log:
    log.write(f"run {stage}\\n")
control = Path("control") / stage
order = control.read_text() if control.exists() else ""
if order == "fail":
    sys.exit("no luck")
if order == "slow":
    with open("runs.log", "a") as log:
        log.write(f"slow {stage}\\n")
    time.sleep(600)
out = {"clean": "data/clean", "report": "data/report"}.get(group)
out = Path(out or f"data/{'evaluation' if group == 'evaluate' else 'models'}/{name}")
out.mkdir(parents=True)
(out / "result").write_text(Path("params.yaml").read_text() + stage)
for folder, suffix in (("metrics", "json"), ("plots", "csv")):
    if group != "report":
        Path("data", folder).mkdir(exist_ok=True)
        Path("data", folder, f"{stage}.{suffix}").write_text(f"{folder} of {stage}")
"""

GROUP = """\
  {group}:
    foreach: ${{{group}}}
    do:
      cmd: python step.py {group} ${{key}}
      params: ["{group}.${{key}}"]
      deps: {deps}
      outs: ["data/{folder}/${{key}}"]
      metrics: ["data/metrics/{group}-${{key}}.json": {{cache: false}}]
      plots:
        - data/plots/{group}-${{key}}.csv: {{cache: false, x: tokens, y: loss, title: "${{key}}: loss"}}
"""
MODEL = '[data/clean, "${item.init_from}", step.py]'
DVC_YAML = (
    """\
stages:
  clean:
    cmd: python step.py clean
    params: [clean]
    deps: [data/sources, step.py]
    outs: [data/clean]
    metrics: [data/metrics/clean.json: {cache: false}]
    plots:
      - data/plots/clean.csv: {cache: false, template: bar_horizontal, x: documents, y: reason}
"""
    + GROUP.format(group="pretrain", folder="models", deps=MODEL)
    + GROUP.format(group="finetune", folder="models", deps=MODEL)
    + GROUP.format(group="evaluate", folder="evaluation", deps='["data/models/${key}", step.py]')
    + """\
  report:
    cmd: python step.py report
    params: [pretrain, finetune]
    deps: [data/evaluation, data/metrics, data/plots, data/models, step.py]
    outs: [data/report]
"""
)


def write_params(repo: toy.Toy, **changes: dict[str, dict[str, object]]) -> None:
    groups = {group: {**entries, **changes.get(group, {})} for group, entries in PARAMS.items()}
    with (repo.root / "params.yaml").open("w") as file:
        YAML(typ="safe", pure=True).dump(groups, file)


CHANGES: dict[str, dict[str, dict[str, object]]] = {
    "clean": {"clean": {"rule": 2}},
    "pretrain@gpt": {"pretrain": {"gpt": {"init_from": "data/init/random", "rate": 2}}},
    "finetune@task": {"finetune": {"task": {"init_from": "data/models/gpt", "rate": 2}}},
    "evaluate@gpt": {"evaluate": {"gpt": {"order": 2}}},
}
"""For some stages, a change of settings after which they run."""


def git(root: Path, *arguments: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@t"]
    subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)


def is_restored(stage: str, told: str) -> bool:
    return f"Stage '{stage}' is cached - skipping run, checking out outputs" in told


def files(repo: toy.Toy) -> dict[str, bytes]:
    """All that stages make."""
    made = (repo.root / "data").rglob("*")
    return {
        path.relative_to(repo.root).as_posix(): path.read_bytes()
        for path in sorted(made)
        if path.is_file() and path.name != ".gitignore" and "sources" not in path.parts
    }


@pytest.fixture(scope="session")
def shaped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository in which all stages have run, committed."""
    root = tmp_path_factory.mktemp("shaped") / "repo"
    for folder in ("data/sources", "data/init"):
        (root / folder).mkdir(parents=True)
    this = toy.Toy(root)
    this.write("data/sources/text", "text")
    this.write("data/init/random", "new weights")
    this.write("step.py", STEP)
    this.write("dvc.yaml", DVC_YAML)
    this.write(".gitignore", "/runs.log\n/control\n")
    write_params(this)
    git(root.parent, "init", "-q", str(root))
    this.dvc("init", "-q")
    this.write(".dvcignore", ".gitignore\n")
    this.dvc("repro")
    assert sorted(this.log("run")) == sorted(name.replace("@", "-") for name in STAGES)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "all")
    return root


@pytest.fixture
def repo(shaped: Path, tmp_path: Path) -> toy.Toy:
    return toy.copy(shaped, tmp_path / "repo")


def test_every_stage_is_restored_after_a_setting_was_changed_and_changed_back(repo: toy.Toy) -> None:
    before = files(repo)
    write_params(repo, **{group: entry for change in CHANGES.values() for group, entry in change.items()})
    repo.dvc("repro")
    assert sorted(repo.log("run")) == sorted(name.replace("@", "-") for name in STAGES)
    assert files(repo) != before

    write_params(repo)
    told = repo.dvc("repro").stdout
    assert [stage for stage in STAGES if not is_restored(stage, told)] == []
    assert files(repo) == before, "metrics and plots come back as well"
    assert len(repo.log("run")) == len(STAGES)


@pytest.mark.parametrize("stage", CHANGES)
def test_after_a_failed_run_the_old_outs_come_back_and_nothing_runs(repo: toy.Toy, stage: str) -> None:
    before = files(repo)
    repo.order(stage.replace("@", "-"), "fail")
    write_params(repo, **CHANGES[stage])
    repo.dvc("repro", check=False)
    assert repo.log("run") == [stage.replace("@", "-")]
    lost = {path for path in before if path not in files(repo)}
    assert len(lost) == 3, "DVC has removed its out, its metrics and its plot"

    found = examine(repo.root)
    assert {finding.path for finding in found} == {path.removesuffix("/result") for path in lost}
    assert all(finding.fixed for finding in examine(repo.root, fix=True))
    assert files(repo) == before
    assert examine(repo.root) == []
    write_params(repo)
    assert "Data and pipelines are up to date" in repo.dvc("repro").stdout


def test_after_a_failed_run_dvc_restores_by_itself_what_is_unchanged(repo: toy.Toy) -> None:
    before = files(repo)
    repo.order("pretrain-gpt", "fail")
    write_params(repo, **CHANGES["pretrain@gpt"])
    repo.dvc("repro", check=False)
    write_params(repo)
    assert is_restored("pretrain@gpt", repo.dvc("repro").stdout)
    assert files(repo) == before
    assert repo.log("run") == ["pretrain-gpt"]


def test_a_stopped_run(repo: toy.Toy) -> None:
    before = files(repo)
    repo.order("pretrain-gpt", "slow")
    write_params(repo, **CHANGES["pretrain@gpt"])
    line = [sys.executable, "-m", "dvc", "repro"]
    process = subprocess.Popen(line, cwd=repo.root, env=toy.environment(), start_new_session=True)
    repo.wait_for("slow", "pretrain-gpt")
    assert Graph(repo.root).missing_outs() == [], "outs of a stage that runs are none of ours"
    for child in repo.processes():
        child.kill()
    process.wait()
    for finding in examine(repo.root, fix=True):
        assert finding.fixed
    assert files(repo) == before
    write_params(repo)
    repo.dvc("repro")
    assert repo.log("run") == ["pretrain-gpt"]


def test_another_clone_has_it_all_from_the_remote(repo: toy.Toy, tmp_path: Path) -> None:
    before = files(repo)
    write_params(repo, **CHANGES["finetune@task"])
    repo.dvc("repro")
    changed = files(repo)
    git(repo.root, "stash", "-q")  # tried, and not committed
    repo.dvc("remote", "add", "-d", "store", str(tmp_path / "store"))
    git(repo.root, "commit", "-qam", "remote")
    assert Graph(repo.root).push() > 0

    git(tmp_path, "clone", "-q", str(repo.root), "clone")
    clone = toy.Toy(tmp_path / "clone")
    clone.dvc("pull", "--run-cache")
    assert files(clone) == before
    assert "Data and pipelines are up to date" in clone.dvc("repro").stdout

    # `--pull` brings what the run cache speaks of: `dvc pull` has only what dvc.lock names.
    write_params(clone, **CHANGES["finetune@task"])
    told = clone.dvc("repro", "--pull").stdout
    assert is_restored("finetune@task", told) and is_restored("report", told)
    assert files(clone) == changed
    assert clone.log("run") == []


def test_without_a_remote_pushing_is_one_line(repo: toy.Toy) -> None:
    with pytest.raises(UserError, match="no remote") as error:
        Graph(repo.root).push()
    assert "\n" not in str(error.value)


def test_restoring_touches_nothing_that_exists_and_makes_nothing_up(repo: toy.Toy) -> None:
    graph = Graph(repo.root)
    assert graph.restore_outs() == []
    (repo.root / "data/metrics/clean.json").write_text("mine")
    (repo.root / "data/clean/result").write_text("mine")
    for gone in ("data/plots/clean.csv", "data/models/t5/result", "data/metrics/pretrain-t5.json"):
        (repo.root / gone).unlink()
    (repo.root / "data/models/t5").rmdir()
    digest = hashlib.md5(b"metrics of pretrain-t5").hexdigest()
    (cached,) = (repo.root / ".dvc/cache/files/md5" / digest[:2]).glob(digest[2:])
    cached.unlink()
    assert graph.restore_outs(["pretrain@gpt"]) == []
    assert graph.missing_outs() == graph.restore_outs() == ["data/plots/clean.csv", "data/models/t5"]
    assert (repo.root / "data/metrics/clean.json").read_text() == "mine"
    assert (repo.root / "data/clean/result").read_text() == "mine"
    assert not (repo.root / "data/metrics/pretrain-t5.json").exists()


def test_the_order_in_which_stages_ran_does_not_matter(repo: toy.Toy) -> None:
    """DVC writes data/models/.gitignore as stages run; it is no part of what another stage reads."""
    ignored = repo.root / "data/models/.gitignore"
    lines = ignored.read_text().splitlines()
    assert len(lines) == 3
    ignored.write_text("\n".join(reversed(lines)) + "\n")
    assert "Data and pipelines are up to date" in repo.dvc("repro").stdout


def test_the_shape_is_that_of_our_dvc_yaml() -> None:
    ours = YAML(typ="safe").load(toy.ROOT / "dvc.yaml")["stages"]
    assert ".gitignore" in (toy.ROOT / ".dvcignore").read_text().splitlines()
    for name, entry in ours.items():
        stage = entry.get("do", entry)
        assert stage["deps"] and stage["outs"], name  # or DVC keeps no run cache for it
        for out in [*stage["outs"], *stage.get("metrics", []), *stage.get("plots", [])]:
            options = next(iter(out.values())) if isinstance(out, dict) else {}
            assert "persist" not in options, name
        for kept in (*stage.get("metrics", []), *stage.get("plots", [])):
            assert next(iter(kept.values()))["cache"] is False, name
