"""The project that a command of the pipeline is run in: a folder with dvc.yaml and stages/."""

import os
import sys
from pathlib import Path

from tokenmill.core.errors import UserError


def need_project() -> None:
    """Make ``stages`` and ``flows`` of the project in the current folder importable.

    Raises:
        UserError: the current folder holds no project.
    """
    if not (Path("dvc.yaml").is_file() and Path("stages").is_dir()):
        raise UserError(
            f"{Path.cwd()}: no project here (dvc.yaml and stages/ are missing); "
            "run this command in a project's folder"
        )
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
