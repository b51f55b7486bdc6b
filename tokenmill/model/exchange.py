"""Export of model folders for stock ``transformers``, import of folders that it saved."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.core.files import sha256_file
from tokenmill.model.folder import (
    ANCESTRY,
    LoadedModel,
    read_model,
    save_model,
)
from tokenmill.model.published.architectures import published_class
from tokenmill.model.tensors import read_settings
from tokenmill.text.tokenizer import fingerprint
from tokenmill.text.vocabulary import SETTINGS


def export_model(source: Path, target: Path) -> LoadedModel:
    """Write a model folder that stock ``transformers`` loads with no code of ours.

    Raises:
        UserError: ``transformers`` has no class for the family, something is in the target's place, or the
            source is no model folder (see :func:`tokenmill.model.folder.read_model`).
    """
    _refuse_overwriting(target)
    loaded = read_model(source)
    config = loaded.model.config
    if published_class(config) is None:
        raise UserError(
            f"{source}: transformers has no class for a {config.family} model as {config.kind}; "
            "use it with tokenmill, or train another family"
        )
    ancestry = source / ANCESTRY
    known = read_settings(ancestry) if ancestry.exists() else {"tokenizer": fingerprint(source)}
    _write(loaded, source, target, known)
    return loaded


def import_model(source: Path, target: Path) -> LoadedModel:
    """Write a folder in the layout of ``transformers`` as one of our model folders.

    Its ancestry names the source's files by their SHA-256; ``unexpected_keys`` of the result are the tensors
    that the model has no place for.

    Raises:
        UserError: something is in the target's place, or the source cannot be read (see
            :func:`tokenmill.model.folder.read_model`).
    """
    _refuse_overwriting(target)
    if not source.is_dir():
        raise UserError(
            f"{source}: no such folder; give a folder with config.json, weights and tokenizer.json"
        )
    loaded = read_model(source)
    if not (source / SETTINGS).exists():
        raise UserError(
            f"{source / SETTINGS}: missing; save the model's tokenizer with it beside its weights"
        )
    read = [path for path in sorted(source.iterdir()) if _belongs(path)]
    files = {path.name: sha256_file(path) for path in read}
    _write(loaded, source, target, {"tokenizer": fingerprint(source), "imported": files})
    return loaded


def _belongs(path: Path) -> bool:
    return path.is_file() and path.suffix in (".safetensors", ".bin", ".json")


def _refuse_overwriting(target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"{target}: is there already; name a new folder, nothing is overwritten")


def _write(loaded: LoadedModel, source: Path, target: Path, ancestry: Mapping[str, Any]) -> None:
    """The whole folder or nothing: it is written beside its place, read once more, and renamed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        save_model(work / "model", loaded.model, tokenizer=source, ancestry=ancestry)
        read_model(work / "model")
        os.replace(work / "model", target)
    finally:
        shutil.rmtree(work)
