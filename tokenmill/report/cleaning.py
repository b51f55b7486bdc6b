"""cleaning.html: what clean did, for people."""

from pathlib import Path
from typing import Any

from tokenmill.core.splits import SPLITS
from tokenmill.data.clean.rules.bounds import LANGUAGES
from tokenmill.data.clean.statistics import EXAMPLE_CHARACTERS
from tokenmill.data.clean.survey import LENGTH_EDGES
from tokenmill.data.clean.wording import WORDS
from tokenmill.report.charts import SERIES, render

NAMED = SERIES - 1
"""Languages that the page names; the others are one."""


def page(report: dict[str, Any]) -> str:
    """The whole page from the content of report.json, whatever the order of its keys."""
    total = report["total"]
    used = [rule for rule in report["rules"] if total["dropped"][rule]]
    by_size = sorted(used, key=lambda rule: -total["dropped"][rule])
    languages = _languages(report["languages"])
    return render(
        Path(__file__).with_name("cleaning.html.j2"),
        report=report,
        words=WORDS,
        used_rules=used,
        by_size=by_size,
        # What has no colour of its own in the bars is one piece.
        coloured=by_size[: SERIES - 2],
        splits=SPLITS,
        funnels={
            name: _funnel(part["kept"], part["dropped"], by_size) for name, part in report["sources"].items()
        },
        lengths={name: _chart(counts) for name, counts in report["lengths"]["sources"].items()},
        means={
            name: round(part["characters"] / part["kept"]) if part["kept"] else 0
            for name, part in report["sources"].items()
        },
        languages=languages,
        sizes=_filled(report["clusters"]["sizes"]),
        pii=_pii(report["pii"]),
        thresholds=_thresholds(report["settings"]["thresholds"]),
        cut=EXAMPLE_CHARACTERS,
    )


def _funnel(kept: int, dropped: dict[str, int], by_size: list[str]) -> dict[str, int]:
    """Pieces of a source's bar: kept, the largest rules, and all others as one."""
    shown, rest = by_size[: SERIES - 2], by_size[SERIES - 2 :]
    pieces = {"kept": kept} | {rule: dropped[rule] for rule in shown}
    return pieces | ({"other rules": sum(dropped[rule] for rule in rest)} if rest else {})


def _languages(found: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """By source, the documents of the corpus's most frequent languages and of all others."""
    total: dict[str, int] = {}
    for counts in found.values():
        for language, count in counts.items():
            total[language] = total.get(language, 0) + count
    named = sorted(total, key=lambda language: (-total[language], language))[:NAMED]
    table = {
        name: {language: counts.get(language, 0) for language in named} for name, counts in found.items()
    }
    for name, counts in found.items():
        if others := sum(count for language, count in counts.items() if language not in named):
            table[name]["others"] = others
    return table


def _pii(found: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """Kinds of personal data that were found at all, by source."""
    kinds = [kind for kind in next(iter(found.values()), {}) if any(part[kind] for part in found.values())]
    return {name: {kind: part[kind] for kind in kinds} for name, part in found.items()} if kinds else {}


def _thresholds(groups: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Thresholds that are set anywhere, by name and group; a group that says nothing has those of default."""
    names = sorted({name for group in groups.values() for name, value in group.items() if value is not None})
    return {name: {group: groups[group].get(name) for group in ("default", *LANGUAGES)} for name in names}


def _filled(bins: dict[str, int]) -> dict[str, int]:
    """Bins of growing size, without the empty ones at the end."""
    ordered = sorted(bins.items(), key=lambda item: int(item[0]))
    last = max((place for place, (_, count) in enumerate(ordered) if count), default=0)
    return dict(ordered[: last + 1])


def _chart(counts: list[int]) -> dict[str, int]:
    """Bins by their lower end, without the empty ones at both ends."""
    filled = [i for i, n in enumerate(counts) if n] or [0]
    names = [f"{edge // 1000}k" if edge >= 1000 else str(edge) for edge in LENGTH_EDGES]
    return {names[i]: counts[i] for i in range(filled[0], filled[-1] + 1)}
