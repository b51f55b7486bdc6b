"""The figures of a run, read from ``data/metrics``: one place for the command line and the READMEs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError

Metrics = Mapping[str, Any]

# Places of evaluate's main figures, all measured on test data.
SENTIMENT = ("sentiment", "accuracy")
CONTROL = ("sentiment", "control", "accuracy")
TFIDF = ("sentiment", "tfidf", "accuracy")
GPT = ("gpt", "bits_per_byte")
NGRAM = ("gpt", "ngram", "bits_per_byte")
NGRAM_ORDER = ("gpt", "ngram", "order")
PASSED = ("gpt", "tokens_to_pass_ngram")
BERT = ("bert", "accuracy")
T5 = ("t5", "accuracy")
MOST_FREQUENT = ("bert", "most_frequent_accuracy")


def read_metrics(folder: Path) -> dict[str, Any]:
    """``{file name without .json: content}`` of every metrics file, sorted by name.

    Raises:
        UserError: there is none, or one is no JSON object.
    """
    found = {}
    for path in sorted(folder.glob("*.json")):
        try:
            found[path.stem] = dict(json.loads(path.read_text("utf-8")))
        except (ValueError, TypeError):
            raise UserError(f"{path}: not readable as JSON; bring it back with `dvc repro`") from None
    if not found:
        raise UserError(f"{folder}: no metrics yet; run `make repro`")
    return found


def figure(metrics: Metrics, *keys: str) -> Any:
    """The value at nested keys, or None where one of them is missing."""
    value: Any = metrics
    for key in keys:
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return value


def count(value: Any) -> str:
    """A whole number with separators, a dash for what is missing."""
    return "–" if value is None else f"{value:,}"


def percent(value: Any) -> str:
    """A share as per cent with one place, a dash for what is missing."""
    return "–" if value is None else f"{100 * value:.1f}%"


def decimal(value: Any) -> str:
    """Three places, a dash for what is missing."""
    return "–" if value is None else f"{value:.3f}"
