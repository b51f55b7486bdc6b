"""Questions of the user's own: a query, its candidates, and which of them is right."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tokenmill.core.errors import UserError, shown
from tokenmill.core.files import read_text
from tokenmill.evaluation.choices.items import Item, Measured
from tokenmill.evaluation.choices.settings import QuestionsSettings
from tokenmill.evaluation.drawing import drawn
from tokenmill.inference.choose import Choice, Floats, check_choice
from tokenmill.inference.normalization import Steps, beginnings, inner_texts

EXAMPLE = '{"query": "...", "choices": ["...", "..."], "gold": 0}'
REMEDY = "put the questions there, one JSON object a line"


def read_questions(settings: QuestionsSettings, steps: Steps) -> list[Item]:
    """The questions of a file in its order, as the model reads them.

    Raises:
        UserError: the file is missing or empty, or a line is no question. The line is named.
    """
    path = Path(settings.file)
    items = [
        _item(line, f"{settings.file}: line {number}", number, steps)
        for number, line in enumerate(read_text(path, REMEDY).split("\n"), 1)
        if line.strip()
    ]
    if not items:
        raise UserError(f"{settings.file}: no questions; {REMEDY}, such as {EXAMPLE}")
    return [items[n] for n in drawn(len(items), settings.items, settings.seed)]


def _item(line: str, where: str, number: int, steps: Steps) -> Item:
    try:
        row = json.loads(line)
    except ValueError:
        raise UserError(f"{where} is no JSON: {shown(line, 40)}; write {EXAMPLE}") from None
    if not isinstance(row, dict):
        raise UserError(f"{where} is no object: {shown(line, 40)}; write {EXAMPLE}")
    query, after = (_text(row, key, where) for key in ("query", "after"))
    choices, gold = row.get("choices"), row.get("gold")
    if not isinstance(choices, list) or not all(isinstance(choice, str) for choice in choices):
        raise UserError(
            f"{where}: choices must be a list of texts, got {shown(choices, 40)}; write {EXAMPLE}"
        )
    (before,), inner = beginnings(steps, [query]), inner_texts(steps, [*choices, after])
    choice = Choice(before, tuple(inner[:-1]), inner[-1])
    check_choice(choice, where)
    if not isinstance(gold, int) or isinstance(gold, bool) or not 0 <= gold < len(choices):
        raise UserError(
            f"{where}: gold must be the place of the right choice, 0 to {len(choices) - 1}, "
            f"got {shown(gold, 40)}"
        )
    return Item(str(number), choice, gold, _text(row, "group", where) or str(number))


def _text(row: dict[str, Any], key: str, where: str) -> str:
    value = row.get(key, "" if key != "query" else None)
    if not isinstance(value, str):
        raise UserError(f"{where}: {key} must be a text, got {shown(value, 40)}; write {EXAMPLE}")
    return value


def overlap(items: Sequence[Item]) -> Measured:
    """The candidate most of whose pairs of characters stand in the query: no understanding is needed."""
    return Measured("most pairs of characters in common with the query", [_shared(item) for item in items])


def _shared(item: Item) -> Floats:
    there = _pairs(item.choice.before + item.choice.after)
    found = []
    for candidate in item.choice.candidates:
        pairs = _pairs(candidate)
        found.append(len(pairs & there) / max(1, len(pairs)))
    return np.array(found)


def _pairs(text: str) -> set[str]:
    return {text[n : n + 2] for n in range(len(text) - 1)}
