"""What stands behind a classifier's one figure, ready for the page: slices, pairs, words, coloured texts."""

from collections.abc import Mapping
from typing import Any

from tokenmill.report.words import figure_of

STRONGEST = 60
"""Percent of colour behind the part of a text that moved the decision most."""

FAINTEST = 5
"""Percent below which no colour is shown."""

MOST_ROWS = 12
"""Of slices and label shares, the worst of which stand on top."""


def behind(analysis: Mapping[str, Any]) -> dict[str, Any]:
    """The ``analysis`` of figures.json with its figures as text and its texts in coloured pieces."""
    figure = figure_of(analysis["figure"])
    texts = [{**row, "pieces": coloured(row["text"], row["influences"])} for row in analysis["explanations"]]
    return {
        **analysis,
        "figure": figure.words,
        "slices": [
            {
                **row,
                "figure": figure.show(row["figure"]),
                "interval": f"{figure.show(row['low'])}–{figure.show(row['high'])}",
            }
            for row in analysis["slices"][:MOST_ROWS]
        ],
        "label_shares": analysis["label_shares"][:MOST_ROWS],
        "giveaways": _by_label(analysis["giveaways"]),
        "explanations": {
            title: [text for text in texts if text["good"] is good]
            for title, good in (("Good answers", True), ("Bad answers", False))
        },
    }


def coloured(text: str, influences: list[list[Any]]) -> list[tuple[str, str, int]]:
    """Pieces of a text, each with the colour of what it speaks for and the percent of it.

    ``c0`` where the piece raises the answer, ``c5`` where it lowers it.
    """
    most = max((abs(weight) for *_, weight in influences), default=0.0) or 1.0
    pieces = []
    for start, end, weight in influences:
        percent = round(STRONGEST * abs(weight) / most)
        pieces.append((text[start:end], "c0" if weight > 0 else "c5", percent if percent >= FAINTEST else 0))
    return pieces


def _by_label(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    labels = dict.fromkeys(row["label"] for row in rows)
    return {label: [row for row in rows if row["label"] == label] for label in labels}
