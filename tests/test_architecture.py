"""The house: imports run downwards, in no circle, and are paid for when used; dvc.yaml knows all code."""

import ast
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from dvc.repo import Repo

from tests import imports as tree

ROOT = Path(__file__).resolve().parents[1]

FLOORS = ("tokenmill", "stages", "flows", "docs")
"""Packages, each above those before it."""

ROOMS = (
    ("core",),
    ("jobs",),
    ("data",),
    ("text",),
    ("tokenization",),
    ("model",),
    ("objectives",),
    ("training",),
    ("pretraining", "tasks"),
    ("inference",),
    ("evaluation",),
    ("report",),
    ("registry",),
    ("serving",),
    ("cli",),
)
"""Rooms of the library, each above those before it. Two in one line know nothing of each other."""

PIPELINE_COMMANDS = "tokenmill/cli/"
"""Its commands import stages and flows of the project that they are run in, when called."""

SCHEDULERS = ("prefect", "dvc")
HEAVY = (
    *SCHEDULERS,
    "torch",
    "mlflow",
    "pytorch_lightning",
    "lightning",
    "sklearn",
    "matplotlib",
    "datasets",
)
LIGHT_STAGES = ["ingest", "measure", "clean", "tokenize", "report", "register"]
ALL_STAGES = [*LIGHT_STAGES[:4], "pretrain", "finetune", "evaluate", *LIGHT_STAGES[4:]]

NO_DEPENDENCY = ("tokenmill/jobs/", "tokenmill/__init__.py", "stages/__init__.py", "stages/params.py")
"""What decides about no byte of an out: how a stage runs, the public functions, and all settings together
(those of a stage stand in its room)."""


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def place(module: str) -> tuple[int, int, str] | None:
    """Floor, height on it and room of a module of ours; `tokenmill` itself is on top. None for others."""
    package, *rest = module.split(".")
    if tree.module_file(module) is None or package not in FLOORS:
        return None
    room = rest[0] if rest and package == "tokenmill" else ""
    height = next((height for height, rooms in enumerate(ROOMS) if room in rooms), len(ROOMS))
    return FLOORS.index(package), height, room


def upwards(path: Path) -> list[str]:
    """What a file imports that stands above it, or beside its room."""
    mine = place(tree.module_name(path))
    assert mine is not None
    return [
        f"{relative(path)} imports {name}"
        for name in sorted(tree.imported_names(path))
        if (other := place(name)) is not None
        and (other[:2] > mine[:2] or (other[:2] == mine[:2] and other[2] != mine[2]))
    ]


@pytest.mark.parametrize("package", tree.PACKAGES)
def test_imports_run_downwards(package: str) -> None:
    outside = ("tokenmill/__init__.py", "tokenmill/__main__.py")  # of all rooms: the package and its command
    files = [path for path in tree.sources(package) if relative(path) not in outside]
    strays = [stray for path in files for stray in upwards(path)]
    allowed = re.compile(f"{PIPELINE_COMMANDS}.* imports (stages|flows)")
    assert [stray for stray in strays if not allowed.match(stray)] == []


def test_pipeline_commands_import_the_project_when_called() -> None:
    for path in tree.sources("tokenmill/cli"):
        at_top = ast.Module([node for node in ast.parse(path.read_text("utf-8")).body if is_import(node)], [])
        assert not re.search(r"^(from|import) (stages|flows)", ast.unparse(at_top), re.MULTILINE), path


def is_import(node: ast.AST) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def test_every_room_has_its_place() -> None:
    rooms = {path.name for path in (ROOT / "tokenmill").iterdir() if (path / "__init__.py").exists()}
    assert rooms == {room for rooms in ROOMS for room in rooms}


def test_no_two_files_import_each_other_in_a_circle() -> None:
    files = [path for package in tree.PACKAGES for path in tree.sources(package)]
    assert tree.circles(files) == []


def test_only_the_flow_imports_what_schedules() -> None:
    strays = [
        f"{relative(path)} imports {name}"
        for package in ("tokenmill", "stages")
        for path in tree.sources(package)
        for name in sorted(tree.imported_names(path))
        if name.partition(".")[0] in SCHEDULERS
    ]
    assert strays == []


def loaded_by(code: str) -> set[str]:
    """Top-level names of the modules that a fresh interpreter holds after running ``code``."""
    report = "import json, sys; print(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("stage", ALL_STAGES)
def test_stages_load_nothing_that_they_do_not_need(stage: str) -> None:
    loaded = loaded_by(f"import stages.{stage}")
    unwanted = HEAVY if stage in LIGHT_STAGES else SCHEDULERS
    assert f"{stage}: {sorted(loaded & set(unwanted))}" == f"{stage}: []"


@pytest.mark.parametrize(
    "arguments",
    [[], ["results"], ["plan"], ["check"], ["doctor"], ["generate"], ["classify"], ["register"], ["promote"]],
    ids=" ".join,
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = f"""
import sys
sys.argv = {["tokenmill", *arguments, "--help"]!r}
from tokenmill.cli.main import main
try:
    main()
except SystemExit as end:
    assert end.code == 0, end.code
"""
    assert sorted(loaded_by(code) & {*HEAVY, "polars", "numpy"}) == []


@cache
def stage_dependencies() -> dict[str, tuple[str, list[str]]]:
    """Stage address -> (its file in stages/, paths that it depends on), as DVC resolves dvc.yaml."""
    found: dict[str, tuple[str, list[str]]] = {}
    with Repo(str(ROOT)) as repo:
        for stage in repo.index.stages:
            if stage.cmd:
                (module,) = re.findall(r"^python -m stages\.(\w+)", stage.cmd)
                paths = [Path(dep.fs_path) for dep in stage.deps if Path(dep.fs_path).is_relative_to(ROOT)]
                found[stage.addressing] = (f"stages/{module}.py", [relative(path) for path in paths])
    return found


def covers(dependency: str, file: str) -> bool:
    return file == dependency or file.startswith(f"{dependency}/")


def only_says_what_it_is(path: Path) -> bool:
    """Whether a file holds a docstring and nothing else."""
    body = ast.parse(path.read_text("utf-8")).body
    return all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body)


def counts(path: Path) -> bool:
    """Whether a stage that may load this file must name it in its deps."""
    return not relative(path).startswith(NO_DEPENDENCY) and not only_says_what_it_is(path)


def code_problems(entry: str, dependencies: list[str]) -> list[str]:
    """What to change in a stage's ``deps`` so that they cover its code, and no folder more."""
    needed = sorted(relative(path) for path in tree.closure(ROOT / entry, counts))
    code = [dep for dep in dependencies if dep.partition("/")[0] in tree.PACKAGES]
    missing = [file for file in needed if not any(covers(dep, file) for dep in code)]
    unused = [dep for dep in code if not any(covers(dep, file) for file in needed)]
    return [*(f"add {file}" for file in missing), *(f"remove {dep}: never imported" for dep in unused)]


def test_code_of_every_stage_is_in_its_deps() -> None:
    stages = stage_dependencies()
    assert {file for file, _ in stages.values()} == {f"stages/{stage}.py" for stage in ALL_STAGES}
    assert {path.stem for path in (ROOT / "stages").glob("[a-z]*.py")} == {*ALL_STAGES, "params"}
    wrong = {name: problems for name, each in stages.items() if (problems := code_problems(*each))}
    assert not wrong, json.dumps(wrong, indent=2)


def test_a_missing_and_a_surplus_dependency_are_seen() -> None:
    entry, dependencies = stage_dependencies()["measure"]
    without = [dep for dep in dependencies if dep != "tokenmill/core"]
    assert "add tokenmill/core/files.py" in code_problems(entry, without)
    assert code_problems(entry, [*dependencies, "tokenmill/model"]) == [
        "remove tokenmill/model: never imported"
    ]


def runs_again(edited: str) -> str:
    """The stages that depend on a file of code, as the table says it."""
    stages: dict[str, bool] = {}
    for address, (_, deps) in stage_dependencies().items():
        stages[address.partition("@")[0]] = any(covers(dep, edited) for dep in deps)
    if all(stages.values()):
        return "all"
    return ", ".join(stage for stage in ALL_STAGES if stages[stage]) or "nothing"


def test_what_runs_again_after_an_edit() -> None:
    """The table in docs/architecture.md, row by row; a wrong one is printed as it should be."""
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    rows = re.findall(r"^\| (.+) \| `((?:tokenmill|stages)/\S+)` \| (.+) \|$", text, re.MULTILINE)
    assert len(rows) >= 12
    right = [(what, edited, runs_again(edited)) for what, edited, _ in rows]
    print(*(f"| {what} | `{edited}` | {stages} |" for what, edited, stages in right), sep="\n")
    assert [edited for _, edited, _ in rows if not (ROOT / edited).exists()] == []
    assert rows == right


def test_imports_inside_functions_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "stages/__init__.py": "",
        "stages/a.py": "def main():\n    from .part import work\n    from stages import shared\n",
        "stages/part.py": "import importlib\nimportlib.import_module('tokenmill.late')\n",
        "stages/shared.py": "import typing\nif typing.TYPE_CHECKING:\n    import tokenmill.types\n",
        "tokenmill/__init__.py": "",
        "tokenmill/late.py": "import tokenmill.early\n",
        "tokenmill/early.py": "def work():\n    from tokenmill import late\n",
        "tokenmill/types.py": "import tokenmill.left_out\n",
        "tokenmill/left_out.py": "",
        "tokenmill/unused.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    monkeypatch.setattr(tree, "ROOT", tmp_path)
    loaded = tree.closure(tmp_path / "stages/a.py", lambda path: path.stem != "left_out")
    found = {path.relative_to(tmp_path).as_posix() for path in loaded}
    assert found == set(files) - {"tokenmill/left_out.py", "tokenmill/unused.py"}
    everything = [path for package in ("stages", "tokenmill") for path in tree.sources(package)]
    assert tree.circles(everything) == [["tokenmill/early.py", "tokenmill/late.py"]]
