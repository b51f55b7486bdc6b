"""Who imports whom, read from the syntax trees of our own code without running it."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("lm", "stages", "flows", "cli", "docs")


def sources(package: str) -> list[Path]:
    """The Python files of one of our packages."""
    return sorted(path for path in (ROOT / package).rglob("*.py") if "__pycache__" not in path.parts)


def module_name(path: Path) -> str:
    """``stages/clean/__init__.py`` -> ``tokenmill.data.clean``."""
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def module_file(name: str) -> Path | None:
    """The file of one of our modules, or None for a name that is no module of ours."""
    if name.partition(".")[0] not in PACKAGES:
        return None
    base = ROOT.joinpath(*name.split("."))
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


def _only_for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def _nodes(tree: ast.AST, with_type_checking: bool) -> list[ast.AST]:
    found = [tree]
    for child in ast.iter_child_nodes(tree):
        if with_type_checking or not _only_for_type_checkers(child):
            found += _nodes(child, with_type_checking)
    return found


@cache
def imported_names(path: Path, with_type_checking: bool = False) -> frozenset[str]:
    """Dotted names that a file imports anywhere, also inside functions and through ``import_module("...")``.

    ``from a import b`` gives ``a`` and ``a.b``: ``b`` may be a module. Relative imports come out absolute.
    """
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    names: set[str] = set()
    for node in _nodes(ast.parse(path.read_text("utf-8")), with_type_checking):
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


def closure(start: Path) -> set[Path]:
    """Every file of ours that may be loaded when ``start`` runs, package ``__init__`` files included."""
    todo, seen = [start], set()
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in {module_name(path), *imported_names(path)}:
            parts = name.split(".")
            parents = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
            todo += [file for parent in parents if (file := module_file(parent)) is not None]
    return seen
