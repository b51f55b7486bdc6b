"""What the page shows of completed code: shares beside those of rivals, and gaps with what was written."""

from collections.abc import Mapping
from typing import Any

from tokenmill.report.words import figure_of

TITLES = {
    "lines": (
        "The rest of a line",
        "Test lines cut at a place of chance: how often what is written up to the line's end is what stood "
        "there.",
    ),
    "functions": (
        "The rest of a function",
        "Test functions cut at a place of chance: how often they parse as Python with what is written. Who "
        "sees what stands behind fills a gap of up to six lines; the others go on to the function's end. "
        "With the gap left out as if nothing were missing, {gap_left_out:.1%} parse.",
    ),
}
WRITERS = {"around": "before and behind", "before": "before", "ngram": "n-gram", "line_above": "line above"}
"""What examples say of who wrote, in this order."""


def completed_code(code: Mapping[str, Any]) -> dict[str, Any] | None:
    """The ``code`` of figures.json for the page; None where there is none."""
    if not code:
        return None
    parts = [
        {"title": title, "note": note.format(**code[name]), **_part(code[name])}
        for name, (title, note) in TITLES.items()
        if code.get(name)
    ]
    examples = [
        {**row, "written": [(words, row[name]) for name, words in WRITERS.items() if name in row]}
        for row in code["examples"]
    ]
    return {"parts": parts, "examples": examples}


def _part(found: Mapping[str, Any]) -> dict[str, Any]:
    """A row for each who fills gaps; beside it what the model gains over it, by what it sees."""
    name = found["figure"]
    ways = list(dict.fromkeys(row["of"] for row in found["comparisons"]))
    gains = {(row["of"], row["over"]): row for row in found["comparisons"]}
    rows = [
        (
            values["label"],
            figure_of(name).show(values[name]),
            f"{100 * values[f'{name}_low']:.1f}–{100 * values[f'{name}_high']:.1f}",
            [_gain(gains.get((way, who))) for way in ways],
        )
        for who, values in found["answers"].items()
    ]
    return {
        "columns": [figure_of(name).words, *(f"gain of the model, {WRITERS[way]}" for way in ways)],
        "rows": rows,
        "gaps": found["items"],
        "groups": found["groups"],
    }


def _gain(row: Mapping[str, float] | None) -> tuple[str, str]:
    """The gain in points, and its interval."""
    if row is None:
        return "", ""
    return f"{100 * row['gain']:+.1f}", f"{100 * row['low']:+.1f} to {100 * row['high']:+.1f}"
