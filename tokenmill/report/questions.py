"""What the report shows of answers in passages: right, wrong and surprising ones, marked where they stand."""

import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import polars as pl

EACH = 4
"""Questions of a sort that are shown."""
AROUND = 150
"""Characters of a passage before and behind what is marked."""
LINE_END = "¶"


class Piece(NamedTuple):
    """A part of a passage, and whether it is a right answer, and the model's."""

    text: str
    actual: bool
    predicted: bool


def shown_questions(table: pl.DataFrame | None) -> list[tuple[str, list[dict[str, Any]]]]:
    """By sort, the questions that are shown of an evaluation's predictions; [] of other predictions."""
    if table is None or "question" not in table.columns:
        return []
    rivals = [name for name in table.columns if name.endswith("_predicted")]
    unlike = pl.all_horizontal(pl.col(name) != pl.col("predicted") for name in rivals)
    sure = table.sort("probability", "id", descending=[True, False])
    sorts = {
        "Right, surest first": sure.filter("right"),
        "Wrong, surest first": sure.filter(~pl.col("right")),
        "Right though unsure, where every rival says something else": sure.filter("right", unlike).reverse(),
    }
    return [(title, [_row(row) for row in rows.head(EACH).to_dicts()]) for title, rows in sorts.items()]


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    rivals = {
        name.removesuffix("_predicted"): text for name, text in row.items() if name.endswith("_predicted")
    }
    return {**row, "pieces": list(pieces(row)), "rivals": rivals}


def pieces(row: Mapping[str, Any]) -> Iterator[Piece]:
    """The passage around what is marked in it, in pieces, each of which is marked or not."""
    text, actual = row["text"], [(begin, end) for begin, end, _ in json.loads(row["answers"])]
    predicted = [] if row["begin"] is None else [(row["begin"], row["end"])]
    marked = [place for span in (*actual[:1], *predicted) for place in span] or [0]
    first, last = max(min(marked) - AROUND, 0), min(max(marked) + AROUND, len(text))
    edges = {first, last, *(place for span in (*actual, *predicted) for place in span)}
    cuts = sorted(place for place in edges if first <= place <= last)
    if first:
        yield Piece("…", False, False)
    for begin, end in pairwise(cuts):
        inside = [any(a <= begin and end <= b for a, b in spans) for spans in (actual, predicted)]
        yield Piece(text[begin:end].replace("\n", LINE_END), *inside)
    if last < len(text):
        yield Piece("…", False, False)
