"""What a model that writes is asked with: texts as its training had them, and how long and how sure."""

from collections.abc import Sequence
from typing import Any

from tokenmill.inference.normalization import beginnings, whole_texts
from tokenmill.model.folder import LoadedModel


def read_prompts(loaded: LoadedModel, texts: Sequence[str]) -> list[str]:
    """Texts as the model reads them: normalised, behind the prefix of its task."""
    if loaded.answering is None and loaded.model.config.kind != "text-to-text":
        return beginnings(loaded.normalization, texts)
    prefix = "" if loaded.answering is None else loaded.answering.prefix
    return [prefix + text for text in whole_texts(loaded.normalization, texts)]


def asked_with(loaded: LoadedModel, settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of generation, with those of the model's task where none are given."""
    if loaded.answering is None:
        return settings
    return {"max_tokens": loaded.answering.max_tokens, **loaded.answering.defaults, **settings}
