"""Export of model folders for stock ``transformers``, import of folders that it saved."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.core.files import sha256_file
from tokenmill.model.folder import (
    ANCESTRY,
    GENERATION,
    LoadedModel,
    read_model,
    save_model,
)
from tokenmill.model.heads import TaskModel
from tokenmill.model.published.architectures import published_class
from tokenmill.model.published.settings import SUGGESTED
from tokenmill.model.tensors import read_settings
from tokenmill.text.tokenizer import FILE as TOKENIZER
from tokenmill.text.tokenizer import fingerprint
from tokenmill.text.vocabulary import SETTINGS


def export_model(source: Path, target: Path) -> LoadedModel:
    """Write a model folder that stock ``transformers`` loads with no code of ours.

    N-grams beside a classifier's backbone are left out: ``unexpected_keys`` of the result names them.

    Raises:
        UserError: ``transformers`` has no class for the family, something is in the target's place, or the
            source is no model folder (see :func:`tokenmill.model.folder.read_model`).
    """
    _refuse_overwriting(target)
    loaded = read_model(source)
    if isinstance(loaded.model, TaskModel) and loaded.model.ngrams is not None:
        # No class weighs n-grams; each part of such a model has learned to answer on its own.
        gone = tuple(name for name in loaded.model.state_dict() if name.startswith("ngrams."))
        loaded = replace(loaded, model=loaded.model.without_ngrams(), unexpected_keys=gone)
    config = loaded.model.config
    if published_class(config) is None:
        remedy = "use it with tokenmill, or train another family"
        if config.kind == "sequence-classifier" and published_class(
            replace(config, pooling="last", causal=True)
        ):
            remedy = f"it averages its positions; fine-tune with `pooling: last`, or {remedy}"
        raise UserError(
            f"{source}: transformers has no class for a {config.family} model as {config.kind}; {remedy}"
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
    if not (source / ANCESTRY).exists():
        _try_tokenizer(source / TOKENIZER)
    loaded = read_model(source)
    if not (source / SETTINGS).exists():
        raise UserError(
            f"{source / SETTINGS}: missing; save the model's tokenizer with it beside its weights"
        )
    read = [path for path in sorted(source.iterdir()) if _belongs(path)]
    files = {path.name: sha256_file(path) for path in read}
    _write(loaded, source, target, {"tokenizer": fingerprint(source), "imported": files})
    return loaded


_TRY = """
import resource, sys
from tokenizers import Tokenizer
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)
try:
    tokenizer = Tokenizer.from_file(sys.argv[1])
    tokenizer.no_padding()
    tokenizer.encode("A text, 和文字.", "1")
except Exception:
    pass
"""
_TRY_BYTES, _TRY_SECONDS = 2**33, 120
"""What a stranger's tokenizer may take, at most: 8 GiB and two minutes; the largest published ones take 2 GiB
and seconds."""


def _try_tokenizer(path: Path) -> None:
    """Open a stranger's tokenizer.json in a process of its own first.

    The library is native code: some files make it end its process, or fill the memory. This takes a tenth of
    a second, once, where the folder comes in; what is wrong with other files :func:`read_model` says.

    Raises:
        UserError: the library panicked or died there, or had no end.
    """
    if not path.is_file():
        return
    remedy = "take the model's own tokenizer.json"
    try:
        tried = subprocess.run(
            [sys.executable, "-P", "-c", _TRY, str(path), str(_TRY_BYTES)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_TRY_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise UserError(f"{path}: opening it takes more than {_TRY_SECONDS} seconds; {remedy}") from None
    if tried.returncode:  # an ordinary exception is none of these: opening it here will say more
        raise UserError(f"{path}: the tokenizers library breaks down over it ({tried.returncode}); {remedy}")


def suggested_settings(folder: Path) -> dict[str, Any]:
    """What a folder's generation_config.json says that is for the caller of ``generate`` to say."""
    path = folder / GENERATION
    values = read_settings(path) if path.exists() else {}
    return {key: values[key] for key in sorted(SUGGESTED) if values.get(key) is not None}


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
