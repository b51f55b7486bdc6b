"""Bounds of what a request may ask, and how a model writes unless it says otherwise. Nothing heavy here."""

from typing import Any

CONTINUING: dict[str, Any] = {"max_new_tokens": 64, "temperature": 0.8}
"""How a model goes on that was not fine-tuned to answer, unless who asks says otherwise."""

MOST_BODY_BYTES = 1 << 20
MOST_TEXTS = 64
"""Texts, prompts, candidates or messages of a request."""
MOST_CHARACTERS = 100_000
"""Of all texts of a request together."""
MOST_EXPLAINED = 8
"""Texts of a request to explain: each is read once for each of its parts."""
MOST_SAMPLES = 8
"""Texts for each prompt."""
MOST_CANDIDATES = 50
"""Fillings of a gap, or answers of a passage."""

ROWS_AT_ONCE = 64
"""Rows of a batch that several requests share."""
MOST_WAITING = 256
"""Requests that wait for a model."""
MOST_LOADED = 4
"""Models in memory; the one that was not used for the longest time goes first."""
