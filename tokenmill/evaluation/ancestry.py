"""Which data a figure speaks of: ancestry checked before anything is computed, and digests of test sets."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tokenmill.core.errors import UserError
from tokenmill.core.files import read_json
from tokenmill.model.folder import ANCESTRY

REMEDY = "run `dvc repro`, or `dvc checkout` for files that belong together"


def read_ancestry(model: Path, clean: Path, documents: str) -> dict[str, Any]:
    """A model's ancestry ({} of a downloaded one), after checking that it descends from ``clean``.

    Args:
        model: the model folder.
        clean: data/clean.
        documents: digest of ``clean``, as fine-tuned models name it.

    Raises:
        UserError: it was fine-tuned on other documents, or pretrained on other raw text. Both are named.
    """
    if not (model / ANCESTRY).exists():
        return {}
    ancestry = read_json(model / ANCESTRY, REMEDY)
    if "documents" in ancestry:
        _compare(model, "documents", ancestry["documents"], clean, documents)
    elif "data" in ancestry:
        manifest = read_json(clean / "manifest.json", REMEDY)
        for source, digest in ancestry["data"]["raw"].items():
            found = manifest["raw"].get(source, {}).get("sha256")
            _compare(model, f"raw text of {source}", digest, clean, found)
    return ancestry


def _compare(model: Path, what: str, expected: str, place: Path, found: str | None) -> None:
    if expected != found:
        has = found[:12] if found else "none"
        raise UserError(f"{model}: made with {what} {expected[:12]}, but {place} has {has}; {REMEDY}")


def training_sources(ancestry: Mapping[str, Any]) -> tuple[str, ...]:
    """Sources that a model was last trained on: a task's, or those of its pretraining; () where unknown."""
    if "finetune" in ancestry:
        source = ancestry["finetune"]["source"]
        return (source,) if isinstance(source, str) else tuple(source)
    return tuple(ancestry.get("sources") or ancestry.get("data", {}).get("raw", ()))


def documents_digest(frame: pl.DataFrame, *, labels: bool) -> str:
    """SHA-256 over the sorted ids and texts (and labels): equal for equal test sets, and only for those.

    Tokenizer and order do not enter, so figures of models with different tokenizers can be compared by it.
    """
    columns = ["id", "text", "label"] if labels else ["id", "text"]
    lines = sorted(json.dumps(row, ensure_ascii=False) for row in frame.select(columns).iter_rows())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
