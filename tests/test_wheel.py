"""The wheel: one package with its templates, and a use of models that needs no more than it declares."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.tiny_models import write_model
from tokenmill.core.normalization import Normalization, write_normalization

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy of the sources, since setuptools leaves a folder `build` where it works."""
    work = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, work)
    shutil.copytree(ROOT / "tokenmill", work / "tokenmill", ignore=shutil.ignore_patterns("__pycache__"))
    for other in ("stages", "flows", "docs", "tests"):
        (work / other).mkdir()
        (work / other / "__init__.py").touch()
    # Not by pip, which an environment that uv made has not.
    build = "from setuptools import build_meta; build_meta.build_wheel('dist')"
    subprocess.run([sys.executable, "-c", build], cwd=work, check=True, capture_output=True)
    (path,) = (work / "dist").glob("*.whl")
    return zipfile.ZipFile(path)


def test_it_holds_the_package_and_its_templates_alone(wheel: zipfile.ZipFile) -> None:
    names = [name for name in wheel.namelist() if ".dist-info/" not in name]
    kinds = (".py", ".pyi", ".j2", ".html", ".css", ".js")
    sources = [path for path in (ROOT / "tokenmill").rglob("*") if path.suffix in kinds]
    assert sorted(names) == sorted(
        [*(path.relative_to(ROOT).as_posix() for path in sources), "tokenmill/py.typed"]
    )
    assert any(name.endswith(".j2") for name in names)


def closure(names: set[str]) -> set[str]:
    """Distributions that these need, themselves included."""
    found: set[str] = set()
    todo = [canonicalize_name(name) for name in names]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found.add(name)
        try:
            lines = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # meant for another platform
            continue
        needed = [Requirement(line) for line in lines]
        todo += [
            canonicalize_name(r.name) for r in needed if not r.marker or r.marker.evaluate({"extra": ""})
        ]
    return found


def test_using_models_loads_only_what_the_wheel_depends_on(tmp_path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    allowed = closure({re.split(r"[<>=~!\[ ]", line)[0] for line in project["dependencies"]})
    code = """
import json, sys
sys.modules.update(dict.fromkeys(json.loads(sys.argv[2])))  # importing one of these is an ImportError
import tokenmill
from tokenmill.cli.main import main
assert len(tokenmill.embed(sys.argv[1], "<b>我喜欢</b> cafÃ©")) == 1
sys.argv = ["tokenmill", "generate", sys.argv[1], "我喜欢", "--max-new-tokens", "4"]
main()
"""
    modules = metadata.packages_distributions()
    absent = [
        module
        for module, owners in modules.items()
        if "tokenmill" not in owners and not {canonicalize_name(owner) for owner in owners} & allowed
    ]
    assert {"mlflow", "polars", "dvc", "prefect"} <= set(absent)
    folder = write_model(tmp_path / "gpt")
    write_normalization(folder, Normalization(remove_html=True, simplify_chinese=False, replace_pii=True))
    command = [sys.executable, "-c", code, str(folder), json.dumps(absent)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("我喜欢")
