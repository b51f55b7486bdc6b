"""Which data a figure speaks of: ancestry checked before anything is computed, and digests of test sets."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenmill.core.errors import UserError
from tokenmill.text.shards import read_manifest

if TYPE_CHECKING:
    import polars as pl


LANGUAGE_MODELS = ("gpt", "bert", "t5")
"""The pretrained models of the pipeline."""


def read_ancestry(inputs: Mapping[str, Path], digests: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The models' ancestry, after checking that each descends from the shards and documents at hand.

    Raises:
        UserError: a model was made with another tokenizer, from other shards or from other documents. The
            message names both.
    """
    from tokenmill.model.folder import read_settings

    manifest = read_manifest(inputs["tokens"])
    expected = {
        "tokenizer": (manifest["tokenizer"], inputs["tokens"]),
        "shards": (digests["tokens"], inputs["tokens"]),
        "documents": (digests["clean"], inputs["clean"]),
    }
    found = {}
    for name in (*LANGUAGE_MODELS, "sentiment", "control"):
        ancestry = found[name] = read_settings(inputs[name] / "ancestry.json")
        for key, (digest, place) in expected.items():
            if key == "documents" and name in LANGUAGE_MODELS:
                continue  # they know documents through shards
            if key != "documents" and name not in LANGUAGE_MODELS and "shards" not in ancestry:
                continue  # fine-tuned from a model of others, which saw no shards of ours
            if ancestry.get(key) != digest:
                raise UserError(
                    f"{inputs[name]}: made with {key} {str(ancestry.get(key))[:12]}, but {place} has "
                    f"{digest[:12]}; run `dvc repro`, or `dvc checkout` for files that belong together"
                )
    return found


def documents_digest(frame: "pl.DataFrame", *, labels: bool) -> str:
    """SHA-256 over the sorted ids and texts (and labels): equal for equal test sets, and only for those.

    Tokenizer and order do not enter, so figures of models with different tokenizers can be compared by it.
    """
    columns = ["id", "text", "label"] if labels else ["id", "text"]
    lines = sorted(json.dumps(row, ensure_ascii=False) for row in frame.select(columns).iter_rows())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
