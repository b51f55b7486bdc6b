"""The house: imports run downwards, are paid for only when used, and dvc.yaml knows all code of a stage."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import imports as tree

ROOT = Path(__file__).resolve().parents[1]


BELOW = {
    "lm": set(),
    "stages": {"lm"},
    "flows": {"stages", "lm"},
    "cli": {"flows", "stages", "lm"},
    "docs": {"cli", "flows", "stages", "lm"},
}
"""Package -> the packages of ours that it may import besides itself."""

FOREIGN = {"prefect": {"flows"}, "dvc": {"flows"}, "mlflow": {"flows", "stages", "cli"}}
"""Dependency -> the only packages of ours that may import it."""

HEAVY = (
    "torch",
    "mlflow",
    "prefect",
    "dvc",
    "pytorch_lightning",
    "lightning",
    "sklearn",
    "matplotlib",
    "datasets",
)


@pytest.mark.parametrize("package", BELOW)
def test_imports_run_downwards(package: str) -> None:
    upwards = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in tree.sources(package)
        for name in sorted(tree.imported_names(path, with_type_checking=True))
        if (top := name.partition(".")[0]) in BELOW and top != package and top not in BELOW[package]
    ]
    assert upwards == []


@pytest.mark.parametrize("dependency", FOREIGN)
def test_each_tool_stays_on_its_floor(dependency: str) -> None:
    strays = [
        f"{path.relative_to(ROOT)} imports {name}"
        for package in BELOW
        if package not in FOREIGN[dependency]
        for path in tree.sources(package)
        for name in sorted(tree.imported_names(path, with_type_checking=True))
        if name.partition(".")[0] == dependency
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


def first_imports(stage: str) -> str:
    """What a stage imports as it starts; running its ``__main__`` would run the stage."""
    body = ast.parse((ROOT / "stages" / stage / "__main__.py").read_text("utf-8")).body
    return "\n".join(ast.unparse(node) for node in body if isinstance(node, ast.Import | ast.ImportFrom))


@pytest.mark.parametrize("stage", ["ingest", "measure", "clean", "tokenize"])
def test_light_stages_import_nothing_heavy(stage: str) -> None:
    loaded = loaded_by(first_imports(stage))
    assert f"{stage}: {sorted(loaded & set(HEAVY))}" == f"{stage}: []"


@pytest.mark.parametrize("stage", ["pretrain", "finetune", "evaluate", "register"])
def test_heavy_stages_do_not_import_what_schedules_them(stage: str) -> None:
    assert loaded_by(first_imports(stage)) & {"prefect", "dvc"} == set()


@pytest.mark.parametrize(
    "arguments",
    [[], ["results"], ["plan"], ["doctor"], ["generate"], ["classify"], ["register"], ["promote"]],
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


def stage_dependencies() -> dict[str, tuple[str, list[str]]]:
    """Stage address -> (command, paths it depends on, relative to the repository), as DVC resolves them."""
    from dvc.repo import Repo

    found: dict[str, tuple[str, list[str]]] = {}
    with Repo(str(ROOT)) as repo:
        for stage in repo.index.stages:
            cmd: Any = stage.cmd
            if cmd:
                paths = [
                    Path(dep.fs_path).resolve() for dep in stage.deps if dep.protocol in ("local", "file")
                ]
                inside = [path.relative_to(ROOT).as_posix() for path in paths if path.is_relative_to(ROOT)]
                found[stage.addressing] = (cmd if isinstance(cmd, str) else "\n".join(cmd), inside)
    return found


def entry_point(command: str) -> Path:
    """``python -m tokenmill.data.clean`` -> ``stages/clean/__main__.py``."""
    modules = re.findall(r"-m (stages\.\w+)", command)
    assert len(modules) == 1, f"one `python -m stages.NAME` expected in {command!r}"
    return ROOT.joinpath(*modules[0].split("."), "__main__.py")


def needed_files(entry: Path) -> set[Path]:
    """The import closure of a stage, and the other files (templates) that its modules name.

    A file that no module beside it names counts as needed by all of them: better once too often than stale.
    """
    modules = tree.closure(entry)
    texts = {module: module.read_text("utf-8") for module in modules}
    needed = set(modules)
    for folder in {module.parent for module in modules}:
        beside = [module.read_text("utf-8") for module in folder.glob("*.py")]
        for path in folder.iterdir():
            if (
                path.is_file()
                and path.suffix not in (".py", ".pyc", ".pyi", ".md")
                and path.name != "py.typed"
            ):
                named = any(path.name in text for text in texts.values())
                if named or not any(path.name in text for text in beside):
                    needed.add(path)
    return needed


def code_files(path: Path) -> list[str]:
    """A file, or the Python files below a folder, relative to the repository."""
    files = [p for p in path.rglob("*.py") if "__pycache__" not in p.parts] if path.is_dir() else [path]
    return [p.relative_to(ROOT).as_posix() for p in files]


def shortened(files: list[str], needed: set[str]) -> list[str]:
    """Folders in place of files where a stage needs all of a folder below one of our packages."""
    short = set()
    for file in files:
        folders = [path for path in reversed(Path(file).parents) if len(path.parts) > 1]
        whole = next((path for path in folders if set(code_files(ROOT / path)) <= needed), None)
        short.add(whole.as_posix() if whole else file)
    return sorted(short)


def code_problems(entry: Path, dependencies: list[str]) -> str:
    """What to change in a stage's ``deps`` so that they name its code exactly; empty when they do."""
    needed = {path.relative_to(ROOT).as_posix() for path in needed_files(entry)}
    code = [dep for dep in dependencies if dep.partition("/")[0] in BELOW]
    missing = sorted(n for n in needed if not any(n == dep or n.startswith(f"{dep}/") for dep in code))
    lines = ["add to deps:", *(f"      - {name}" for name in shortened(missing, needed))] if missing else []
    for dep in code:
        unused = sorted(set(code_files(ROOT / dep)) - needed)
        if unused:
            lines.append(f"narrow or remove {dep} (never imported: {', '.join(unused)})")
    return "\n".join(lines)


def test_code_of_every_stage_is_in_its_deps() -> None:
    stages = stage_dependencies()
    assert stages, "dvc.yaml has no stages"
    reports = {name: code_problems(entry_point(cmd), deps) for name, (cmd, deps) in stages.items()}
    wrong = "\n\n".join(f"{name}:\n{report}" for name, report in reports.items() if report)
    assert not wrong, f"the deps in dvc.yaml do not name the code that runs\n\n{wrong}"


def test_a_missing_and_a_surplus_dependency_are_seen() -> None:
    entry = ROOT / "stages" / "clean" / "__main__.py"
    needed = sorted(path.relative_to(ROOT).as_posix() for path in needed_files(entry))
    assert "stages/__init__.py" in needed and "stages/job.py" in needed
    assert code_problems(entry, [*needed, "data/raw"]) == ""
    assert "      - stages/job.py" in code_problems(entry, [n for n in needed if n != "stages/job.py"])
    assert "remove cli/main.py (never imported" in code_problems(entry, [*needed, "cli/main.py"])


def test_imports_inside_functions_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "stages/__init__.py": "",
        "stages/a/__init__.py": "",
        "stages/a/__main__.py": "def main():\n    from .part import work\n    from stages import shared\n",
        "stages/a/part.py": "import importlib\nimportlib.import_module('lm.late')\n",
        "stages/shared.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import lm.types_only\n",
        "lm/__init__.py": "",
        "lm/late.py": "",
        "lm/types_only.py": "",
        "lm/unused.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    monkeypatch.setattr(tree, "ROOT", tmp_path)
    found = {p.relative_to(tmp_path).as_posix() for p in tree.closure(tmp_path / "stages/a/__main__.py")}
    assert found == set(files) - {"lm/types_only.py", "lm/unused.py"}
