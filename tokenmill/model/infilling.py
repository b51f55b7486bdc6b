"""Whether a model fills in the middle, and with which tokens: its tokenizer or its ancestry tells."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from tokenmill.core.files import read_json
from tokenmill.text.infill import OURS, PUBLISHED, InfillTokens, infill_tokens


def infilling_of(ancestry: Mapping[str, Any], tokenizer: Tokenizer) -> InfillTokens | None:
    """The tokens of a model that learned it; None of another.

    A tokenizer with tokens for nothing else says it by them. All of ours have theirs, so that there the
    pretraining decides, or that of a model which it went on from.
    """
    if published := infill_tokens(tokenizer, PUBLISHED):
        return published
    before: Any = ancestry
    while isinstance(before, Mapping):
        settings = before.get("pretrain")
        if isinstance(settings, Mapping) and settings.get("fim_rate"):
            return infill_tokens(tokenizer, [OURS])
        before = before.get("parent")
    return None


def read_infilling(folder: Path, tokenizer: Tokenizer) -> InfillTokens | None:
    """What :func:`infilling_of` says of a model folder."""
    path = folder / "ancestry.json"
    remedy = "restore it with `dvc checkout`, or copy the model anew"
    return infilling_of(read_json(path, remedy) if path.exists() else {}, tokenizer)
