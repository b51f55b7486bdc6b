"""What a run says of where it comes from: stage, commit, person, machine; and its settings as flat params."""

import getpass
import json
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError

CONTEXT = "MLFLOW_RUN_CONTEXT"
"""Environment variable in which the flow hands down its own tags, as JSON."""


def flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"a": {"b": 1}}`` -> ``{"a.b": 1}``."""
    flat: dict[str, Any] = {}
    for key, item in value.items():
        name = f"{prefix}{key}"
        if isinstance(item, Mapping):
            flat.update(flatten(item, f"{name}."))
        else:
            flat[name] = item
    return flat


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *arguments],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def git_commit() -> str:
    """The commit that is checked out; empty outside git."""
    return _git("rev-parse", "HEAD")


def run_tags(stage: str, key: str) -> dict[str, str]:
    """Tags that join runs: pipeline run, stage, stage hash, commit, whether the tree was dirty, machine.

    The flow hands down its own tags in :data:`CONTEXT`; a DVC experiment names itself in ``DVC_EXP_NAME``.

    Raises:
        UserError: :data:`CONTEXT` holds something else than tags.
    """
    commit = git_commit()
    tags = {
        "dvc.stage": stage,
        "dvc.stage_hash": key,
        "git.commit": commit,
        "git.dirty": str(bool(_git("status", "--porcelain", "--untracked-files=no"))).lower(),
        "process": f"{socket.gethostname()}:{os.getpid()}",
        "machine": f"{processor()}, {os.cpu_count()} cores",
        # Columns of the UI: "Created by", "Source", "Version".
        "mlflow.user": _user(),
        "mlflow.source.name": f"stages/{stage.partition('@')[0]}.py",
        "mlflow.source.type": "LOCAL",
        **({"mlflow.source.git.commit": commit} if commit else {}),
    }
    if name := os.environ.get("DVC_EXP_NAME"):
        tags["pipeline.run"] = name
    context = os.environ.get(CONTEXT)
    if context:
        try:
            tags.update({str(k): str(v) for k, v in json.loads(context).items()})
        except (ValueError, AttributeError, RecursionError):
            raise UserError(f"{CONTEXT}: must be a JSON object of tags; set it so or unset it") from None
    return tags


def processor() -> str:
    """The kind of CPU by its own name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine() or sys.platform


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have a number and no name
        return str(os.getuid())
