"""`tokenmill playground`: models on a page in the browser, and behind HTTP."""

import os
from collections.abc import Sequence
from pathlib import Path

from tokenmill.core.errors import UserError


def playground(names: Sequence[str] | None, *, host: str, port: int, token: str | None) -> None:
    """Serve the models that are named, or those in data/models.

    Raises:
        UserError: a model is not there, two have one name, or the address cannot be listened on.
    """
    # OpenMP reads it when torch is loaded. Its threads otherwise spin at each of the many small products of a
    # step until all have come, which beside other work, such as a training, takes many times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from tokenmill.serving.server import serve

    serve(folders(names) if names else None, host=host, port=port, token=token)


def folders(names: Sequence[str]) -> dict[str, Path]:
    """Folders by the names under which they are served: that of the folder, or of the registered version.

    Raises:
        UserError: a model is not there, or two have one name.
    """
    from tokenmill.cli.models import REGISTRY, model_folder

    found: dict[str, Path] = {}
    for name in names:
        short = name.removeprefix(REGISTRY) if name.startswith(REGISTRY) else Path(name).resolve().name
        if short in found:
            raise UserError(f"{name}: another model is named {short}, too; rename a folder, or leave one out")
        found[short] = model_folder(name)
    return found
