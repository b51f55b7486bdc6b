"""``tokenmill reproduce``: a registered version made again in a clone, and compared."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tokenmill.core.errors import UserError
from tokenmill.core.files import read_json, remove, sha256_file
from tokenmill.jobs.publish import project_home
from tokenmill.jobs.tracking.tags import flatten
from tokenmill.model.digest import model_digest
from tokenmill.registry.chain import DIGITS, TRAINING
from tokenmill.registry.download import version_folder
from tokenmill.registry.files import DIGEST_TAG, stored_version
from tokenmill.registry.lookup import open_registry, version_at
from tokenmill.registry.provenance import git, read_provenance

TOLERANCE = 0.02
"""By so much of itself the deciding figure may differ where bytes cannot be the same."""
SOURCES = Path("data/sources")
SHOWN = 3
"""Missing files that are named."""


def reproduce(uri: str, folder: Path | None) -> None:
    """Make a version again from its commit, and print whether it is the same.

    Args:
        uri: ``models:/NAME/VERSION``.
        folder: for the clone; a new one, or one in which the same was stopped.

    Raises:
        UserError: something that it needs is missing, a stage fails, or the result is another.
    """
    with open_registry() as mlflow_client:
        version = version_at(mlflow_client, uri)
        known = read_provenance(stored_version(mlflow_client, version))
        trained = version_folder(mlflow_client, version, uri) / TRAINING
    if known is None or not known["commit"]:
        raise UserError(f"{uri}: nothing says from which commit it was made; only newer versions say it")
    code = [path for path in known["changed"] if path != "params.yaml"]
    if code:
        raise UserError(
            f"{uri}: {code[0]} was not committed when it was registered, so its code is not known; "
            "choose another version"
        )
    folder = folder or project_home() / ".work" / "reproduce" / f"{version.name}-{version.version}"
    _check_out(folder, known)
    _bring_raw_files(folder, known)
    computed = read_json(trained, "").get("computed", {}) if trained.is_file() else {}
    _write_params(folder, known["params"], computed)
    python = _python(folder)
    print(f"running the stages of {known['model']} in {folder}", flush=True)
    _run_stages(folder, python, f"evaluate@{known['model']}")
    print(_verdict(folder, known, version, computed))


def _check_out(folder: Path, known: Mapping[str, Any]) -> None:
    commit = known["commit"]
    if folder.is_dir() and any(folder.iterdir()):
        if git("rev-parse", "HEAD", folder=folder) != commit:
            raise UserError(
                f"{folder}: is not empty, and no clone at commit {commit[:DIGITS]}; name a new folder"
            )
        return
    here = git("cat-file", "-e", f"{commit}^{{commit}}") is not None
    source = git("rev-parse", "--show-toplevel") if here else known["remote"]
    if not source:
        raise UserError(
            f"commit {commit[:DIGITS]}: not in this repository, and no remote was recorded; fetch it from "
            "where the version was made"
        )
    print(f"cloning {source} at commit {commit[:DIGITS]}", flush=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    if git("clone", "--quiet", "--no-checkout", source, str(folder)) is None:
        raise UserError(f"{source}: cannot be cloned to {folder}; see `git clone`")
    if git("checkout", "--quiet", "--detach", commit, folder=folder) is None:
        git("fetch", "--quiet", "origin", commit, folder=folder)
        if git("checkout", "--quiet", "--detach", commit, folder=folder) is None:
            remove(folder)
            raise UserError(
                f"commit {commit[:DIGITS]}: not in {source}; push it from where the version was made"
            )


def _bring_raw_files(folder: Path, known: Mapping[str, Any]) -> None:
    """The files of data/sources: from git, from DVC's remote, or from this project where they are equal."""
    sources = folder / SOURCES
    if any(_missing(sources, known)) and (tracked := [str(p) for p in sources.rglob("*.dvc")]):
        command = [sys.executable, "-m", "dvc", "pull", "--quiet", *tracked]
        subprocess.run(
            command, cwd=folder, env=_environment(sys.executable), capture_output=True, check=False
        )
    for name, digest in _missing(sources, known).items():
        own = SOURCES / name
        if own.is_file() and sha256_file(own) == digest:
            (sources / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(own, sources / name)
    missing = _missing(sources, known)
    if missing:
        shown = [
            f"{SOURCES / name} with SHA-256 {digest}{_instead(name)}" for name, digest in missing.items()
        ]
        more = f", and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        raise UserError(
            f"raw text is neither in git nor in DVC's remote nor here: {', '.join(shown[:SHOWN])}{more}; put "
            f"it into {sources} and run the same command again"
        )


def _missing(sources: Path, known: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: digest
        for name, digest in known["raw_files"].items()
        if not (sources / name).is_file() or sha256_file(sources / name) != digest
    }


def _instead(name: str) -> str:
    own = SOURCES / name
    return f" (here it has {sha256_file(own)[:DIGITS]})" if own.is_file() else ""


def _write_params(folder: Path, params: str, computed: Mapping[str, Any]) -> None:
    """The version's params.yaml, computed with as many threads and in the precision as then."""
    yaml = YAML()
    yaml.width = 4096
    content = yaml.load(params)
    runtime = content.setdefault("runtime", {})
    runtime |= {key: computed[key] for key in ("threads", "precision") if key in computed}
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(content, file)


def _python(folder: Path) -> str:
    """This interpreter, where the clone wants the same packages; else one of its own with those."""
    own, theirs = ({path.name: path.read_bytes() for path in _locks(root)} for root in (Path(), folder))
    if own == theirs:
        return sys.executable
    print("its packages are others: installing them", flush=True)
    if subprocess.run(["sh", "requirements/install.sh"], cwd=folder, check=False).returncode:
        raise UserError(f"{folder}: its packages cannot be installed; see above")
    return str(folder / ".venv" / "bin" / "python")


def _locks(root: Path) -> list[Path]:
    return sorted((root / "requirements").glob("*.txt"))


def _environment(python: str) -> dict[str, str]:
    """Of the clone's processes: its own store, its own code."""
    ours = ("DVC_ROOT", "MLFLOW_TRACKING_URI", "MLFLOW_RUN_CONTEXT", "PYTHONPATH", "DVC_EXP_NAME")
    kept = {key: value for key, value in os.environ.items() if key not in ours}
    return {**kept, "PATH": f"{Path(python).parent}{os.pathsep}{kept.get('PATH', '')}"}


def _run_stages(folder: Path, python: str, target: str) -> None:
    (folder / "dvc.lock").unlink(missing_ok=True)  # what it then holds was made here
    done = subprocess.run(
        [python, "-m", "dvc", "repro", target], cwd=folder, env=_environment(python), check=False
    )
    if done.returncode:
        raise UserError(f"{folder}: {target} did not come to its end, see above; the same command goes on")


def _verdict(folder: Path, known: Mapping[str, Any], version: Any, computed: Mapping[str, Any]) -> str:
    """Whether the result is the same.

    Raises:
        UserError: it is not.
    """
    name = known["model"]
    shown = f"{version.name} version {version.version}"
    if model_digest(folder / "data/models" / name) == version.tags.get(DIGEST_TAG):
        return f"same bytes: {shown} came out again, SHA-256 {version.tags[DIGEST_TAG]}"
    first = _first_difference(known["dvc_lock"], folder / "dvc.lock")
    where = f"first at stage {first[0]}, {first[1]}" if first else "in what no stage recorded"
    metric = version.tags["metric"]
    figures = read_json(folder / "data/evaluation" / name / "figures.json", "")
    value = float(flatten(figures["figures"])[metric])
    then = float(version.tags[f"{metric}/{version.tags['test.digest']}"])
    compared = f"{metric} {value:.6g} against {then:.6g}"
    now = read_json(folder / "data/models" / name / TRAINING, "").get("computed", {})
    if figures["test_digest"] != version.tags["test.digest"]:
        raise UserError(f"{shown}: the data are others, {where}; {compared}")
    if abs(value - then) > TOLERANCE * abs(then):
        raise UserError(f"{shown}: differs {where}; {compared}, more than {TOLERANCE:.0%} apart")
    machines = (
        f"; computed on {now.get('device')}, then on {computed.get('device')}" if now != computed else ""
    )
    return f"same data, figures within {TOLERANCE:.0%}: {compared}; bytes differ {where}{machines}"


def _first_difference(recorded: str, lock: Path) -> tuple[str, str] | None:
    """Stage and out that first came out otherwise, in the order in which they ran."""
    yaml = YAML(typ="safe", pure=True)
    before = (yaml.load(recorded) or {}).get("stages", {})
    for stage, entry in yaml.load(lock.read_text("utf-8"))["stages"].items():
        outs = {out["path"]: out.get("md5") for out in before.get(stage, {}).get("outs", ())}
        for out in entry.get("outs", ()):
            if out["path"] in outs and outs[out["path"]] != out.get("md5"):
                return stage, out["path"]
    return None
