"""report.html: what clean did, for people."""

from pathlib import Path
from typing import Any

from stages.clean.statistics import EXAMPLE_CHARACTERS, LENGTH_EDGES
from stages.documents import SPLITS
from stages.report import render

WORDS = {
    "empty": {
        "plural": "texts with nothing in them",
        "meaning": "nothing is left of the text, or of its target, after normalising",
        "value": "empty:",
    },
    "too_short": {
        "plural": "texts that are too short",
        "meaning": "fewer characters than min_characters",
        "value": "characters:",
    },
    "too_long": {
        "plural": "texts that are too long",
        "meaning": "more characters than max_characters",
        "value": "characters:",
    },
    "conflicting_labels": {
        "plural": "texts with more than one label",
        "meaning": "the same text under different labels, so no copy can be trusted",
        "value": "labels:",
    },
    "exact_duplicate": {
        "plural": "exact duplicates",
        "meaning": "the same text, and target, as a document that is kept",
        "value": "duplicate of",
    },
}
"""How the page speaks of each rule: many of them, what it means, and what a failing value is."""


def page(report: dict[str, Any]) -> str:
    """The whole page from the content of report.json, whatever the order of its keys."""
    total = report["total"]
    used = [rule for rule in report["rules"] if total["dropped"][rule]]
    by_size = sorted(used, key=lambda rule: -total["dropped"][rule])
    return render(
        Path(__file__).with_name("report.html.j2"),
        report=report,
        words=WORDS,
        used_rules=used,
        by_size=by_size,
        splits=SPLITS,
        funnels={
            name: {"kept": part["kept"]} | {rule: part["dropped"][rule] for rule in used}
            for name, part in report["sources"].items()
        },
        lengths={name: _chart(counts) for name, counts in report["lengths"]["sources"].items()},
        means={
            name: round(part["characters"] / part["kept"]) if part["kept"] else 0
            for name, part in report["sources"].items()
        },
        cut=EXAMPLE_CHARACTERS,
    )


def _chart(counts: list[int]) -> dict[str, int]:
    """Bins by their lower end, without the empty ones at both ends."""
    filled = [i for i, n in enumerate(counts) if n] or [0]
    names = [f"{edge // 1000}k" if edge >= 1000 else str(edge) for edge in LENGTH_EDGES]
    return {names[i]: counts[i] for i in range(filled[0], filled[-1] + 1)}
