"""A new project folder from an example: what ``tokenmill init`` does."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tokenmill.core.errors import UserError, one_line

EXAMPLES = Path("examples")
PARAMS = Path("params.yaml")
FILES = (
    *("dvc.yaml", ".dvcignore", ".dvc/config", ".dvc/.gitignore", ".gitignore", "Makefile", "pyproject.toml"),
    *("params.schema.json", "prefect.toml", "prefect.yaml"),
    *("LICENSE", "README.md", "README.zh-CN.md", "SECURITY.md"),
)
FOLDERS = ("stages", "flows", "tokenmill", "requirements", "data/init")
SKELETON = (".gitignore", "README.md")
"""What comes along from below data; all else there is the checkout's own."""
PUT = "# Put "
"""Begins the comments of an example that say what it wants below data/sources."""


def init(project: Path, folder: Path, example: str) -> None:
    """Start a project in ``folder`` from ``project``, a checkout of Tokenmill, and an example's params.yaml.

    Raises:
        UserError: ``project`` is no checkout, it has no such example, or ``folder`` holds something.
    """
    names = sorted(path.stem for path in (project / EXAMPLES).glob("*.yaml"))
    if not names or not (project / "dvc.yaml").is_file():
        raise UserError("a project is copied from a checkout of Tokenmill; run `tokenmill init` in one")
    if example not in names:
        raise UserError(f"there is no example {example!r}; take one of {', '.join(names)}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: is not empty; name a new folder")
    for file in needed(project):
        target = folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(project / file, target)
    shutil.copy(project / EXAMPLES / f"{example}.yaml", folder / PARAMS)
    (folder / "data/sources").mkdir(parents=True, exist_ok=True)
    _commit(folder, example)
    print(f"{wishes(folder / PARAMS)} Then: cd {one_line(str(folder))} && make repro")


def needed(project: Path) -> Iterator[Path]:
    """The files of a checkout that every project has, relative to it."""
    for file in _files(project):
        name = file.as_posix()
        skeleton = file.parts[0] == "data" and file.name in SKELETON
        if name in FILES or skeleton or any(name.startswith(f"{folder}/") for folder in FOLDERS):
            yield file


def _files(project: Path) -> list[Path]:
    """What git tracks and has not lost; without git all files, but for what Python leaves behind."""
    if (project / ".git").exists():
        names = _git(project, "ls-files", "-z").split("\0")
        return [Path(name) for name in names if name and (project / name).is_file()]
    found = (path.relative_to(project) for path in sorted(project.rglob("*")) if path.is_file())
    return [path for path in found if "__pycache__" not in path.parts]


def wishes(params: Path) -> str:
    """What an example wants below data/sources, in its own words: from a line that begins with ``PUT`` to the
    end of a sentence or of the comment."""
    wanted, going = list[str](), False
    for line in map(str.strip, params.read_text("utf-8").splitlines()):
        going = line.startswith(PUT) or (going and line.startswith("# "))
        if going:
            wanted.append(line.removeprefix("# "))
            going = not line.endswith(".")
    return " ".join(wanted)


def _commit(folder: Path, example: str) -> None:
    """The first commit. Where git does not know who commits, the files stay staged."""
    if shutil.which("git") is None:
        return
    _git(folder, "init", "--quiet")
    _git(folder, "add", "--all")
    commit = ["commit", "--quiet", "-m", f"A project from the example {example}"]
    subprocess.run(["git", "-C", str(folder), *commit], check=False)


def _git(folder: Path, *arguments: str) -> str:
    """What git prints.

    Raises:
        UserError: git fails, as where the folder belongs to somebody else.
    """
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(
            f"{folder}: git {arguments[0]} fails: {done.stderr.strip()}; mend that, and try again"
        )
    return done.stdout
