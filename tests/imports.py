"""Who imports whom, read from the syntax trees of our own code without running it."""

import ast
from collections.abc import Callable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("tokenmill", "stages", "flows", "docs")


def sources(folder: str) -> list[Path]:
    """The Python files below a folder of ours."""
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


def module_name(path: Path) -> str:
    """``tokenmill/data/clean/__init__.py`` -> ``tokenmill.data.clean``."""
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def module_file(name: str) -> Path | None:
    """The file of one of our modules, or None for a name that is no module of ours."""
    if name.partition(".")[0] not in PACKAGES:
        return None
    base = ROOT.joinpath(*name.split("."))
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


@cache
def imported_names(path: Path) -> frozenset[str]:
    """Dotted names that a file imports: at its top, in functions, for type checkers, by ``import_module``.

    ``from a import b`` gives ``a`` and ``a.b``: ``b`` may be a module. Relative imports come out absolute.
    """
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names.add(base)
            names.update(f"{base}.{alias.name}" for alias in node.names)
        elif (
            isinstance(node, ast.Call)
            and ast.unparse(node.func).endswith("import_module")
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            names.add(str(node.args[0].value))
    return frozenset(names)


def imported_files(path: Path) -> set[Path]:
    """The files of ours that a file names in its imports."""
    found = {module_file(name) for name in imported_names(path)}
    return {file for file in found if file is not None} - {path}


def closure(start: Path, follow: Callable[[Path], bool]) -> set[Path]:
    """Every file of ours that may be loaded when ``start`` runs; those not to follow are left out."""
    todo, seen = [start], set()
    while todo:
        path = todo.pop()
        if path in seen or not follow(path):
            continue
        seen.add(path)
        parts = module_name(path).split(".")
        packages = {module_file(".".join(parts[:end])) for end in range(1, len(parts))}
        todo += [*imported_files(path), *named_files(path), *(p for p in packages if p is not None)]
    return seen


def named_files(path: Path) -> list[Path]:
    """Files of ours that a file imports by names of a table: all that stand beside that table."""
    if "import_module(module_of(" not in "".join(path.read_text("utf-8").split()):
        return []
    tables = (file for file in imported_files(path) if file.name == "table.py")
    return [file for table in tables for file in sorted(table.parent.glob("[a-z]*.py"))]


def circles(files: list[Path]) -> list[list[str]]:
    """Files that import each other, by whatever way: one list for each circle that can be walked."""
    edges = {file: imported_files(file) for file in files}

    def reached(start: Path) -> set[Path]:
        todo, seen = list(edges.get(start, ())), set()
        while todo:
            file = todo.pop()
            if file not in seen:
                seen.add(file)
                todo += edges.get(file, ())
        return seen

    below = {file: reached(file) for file in files}
    found = set()
    for file in files:
        if file in below[file]:
            circle = [other for other in below[file] if file in below.get(other, ())]
            found.add(tuple(sorted(other.relative_to(ROOT).as_posix() for other in circle)))
    return [list(circle) for circle in sorted(found)]
