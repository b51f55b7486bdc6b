"""What clean did, in figures: the content of report.json, and of the metrics and plots made from it."""

from pathlib import Path
from typing import Any

import polars as pl

from tokenmill.core.splits import SPLITS
from tokenmill.data.clean.comparisons import clusters_of, overlaps_of, passages_of
from tokenmill.data.clean.decide import Decisions
from tokenmill.data.clean.rules import RULES, Rule
from tokenmill.data.clean.settings import CleanSettings
from tokenmill.data.clean.statistics import LENGTH_EDGES, Statistics
from tokenmill.data.clean.write import COLUMNS, written

EXAMPLE_CHARACTERS = 280
"""Shown of a text."""


def summarize(
    measured: Path, decisions: Decisions, statistics: Statistics, settings: CleanSettings
) -> dict[str, Any]:
    """The report: totals, one part for each source, what was found, and examples.

    A document that fails several rules is counted under the first of them, so that read = kept + dropped;
    ``failed`` counts it under each. ``roles`` has the texts of the sources that are not decided upon.
    """
    sources = decisions.corpus.sources
    parts = {name: statistics.counts.filter(pl.col("source") == name) for name in sources}
    return {
        "settings": settings.model_dump(),
        "rules": [_rule(rule) for rule in RULES.values()],
        "total": figures(statistics.counts),
        "failed": decisions.failed,
        "sources": {name: figures(part) | {"labels": _labels(part)} for name, part in parts.items()},
        "lengths": {
            "edges": list(LENGTH_EDGES),
            "sources": {name: _lengths(part) for name, part in parts.items()},
        },
        "languages": {name: _languages(part) for name, part in parts.items()},
        "pii": {name: _pii(measured, name) for name in sources},
        "groups": decisions.groups,
        "notes": list(decisions.notes),
        "clusters": clusters_of(decisions),
        "contamination": overlaps_of(decisions),
        "passages": passages_of(decisions),
        "selection": decisions.selection,
        "roles": decisions.roles,
        "examples": _examples(decisions, statistics.examples),
    }


def _rule(rule: Rule) -> dict[str, Any]:
    """The words for one rule."""
    return {
        "name": rule.name,
        "plural": rule.plural,
        "meaning": rule.reason,
        "value": rule.value,
        "thresholds": list(rule.thresholds),
        "published": rule.published,
    }


def figures(counts: pl.DataFrame) -> dict[str, Any]:
    """Counts of documents read, kept, dropped by rule and in each split, and of characters (normalised)."""
    kept = _kept(counts)
    by_rule, by_split = _sums(counts, "rule"), _sums(kept, "split")
    return {
        "read": int(counts["documents"].sum()),
        "kept": int(kept["documents"].sum()),
        "dropped": {rule: by_rule.get(rule, 0) for rule in RULES},
        "splits": {split: by_split.get(split, 0) for split in SPLITS},
        "characters": int(kept["characters"].sum()),
    }


def _kept(counts: pl.DataFrame) -> pl.DataFrame:
    return counts.filter(pl.col("rule").is_null())


def _sums(counts: pl.DataFrame, *columns: str) -> dict[Any, int]:
    """Documents by one column, or by several as tuples, null left out."""
    sums = counts.drop_nulls(columns).group_by(columns).agg(pl.col("documents").sum())
    return {keys[0] if len(columns) == 1 else tuple(keys): count for *keys, count in sums.iter_rows()}


def _labels(counts: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Kept documents by label and split."""
    sums = _sums(_kept(counts), "label", "split")
    labels = sorted({label for label, _ in sums})
    return {label: {split: sums.get((label, split), 0) for split in SPLITS} for label in labels}


def _languages(counts: pl.DataFrame) -> dict[str, int]:
    """Kept documents by language, the most frequent first."""
    sums = _sums(_kept(counts), "language")
    return dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))


def _pii(measured: Path, source: str) -> dict[str, int]:
    """Personal data replaced in a source, by kind; in all that was measured, kept or not."""
    counts = pl.scan_parquet(measured / source / "*.parquet").select(pl.selectors.starts_with("pii_").sum())
    return {column.name.removeprefix("pii_"): column.item() for column in counts.collect()}


def _lengths(counts: pl.DataFrame) -> list[int]:
    """Kept documents in each bin of ``LENGTH_EDGES``."""
    sums = _sums(_kept(counts), "bin")
    return [sums.get(place, 0) for place in range(len(LENGTH_EDGES))]


def _examples(decisions: Decisions, picked: pl.DataFrame) -> dict[str, Any]:
    """``kept``, and ``dropped`` by rule: by source, the picked documents as they were written."""
    numbers = picked["number"].unique().sort().to_numpy()
    texts = written(decisions, decisions.corpus.table(COLUMNS, numbers))
    dropped = picked.filter(pl.col("rule").is_not_null())["number"].unique().sort().to_numpy()
    reasons = dict(zip(dropped.tolist(), decisions.reasons(dropped).to_list(), strict=True))
    rows = {row["number"]: row for row in texts.select("number", "id", "text", "label", "target").to_dicts()}
    shown: dict[str | None, dict[str, list[dict[str, Any]]]] = {rule: {} for rule in (None, *RULES)}
    for source, rule, number in picked.sort("source", maintain_order=True).iter_rows():
        row = {key: _cut(value) for key, value in rows[number].items() if key != "number"}
        if rule is not None:
            row["reasons"] = reasons[number]
        shown[rule].setdefault(source, []).append(row)
    return {
        "characters": EXAMPLE_CHARACTERS,
        "kept": shown[None],
        "dropped": {rule: shown[rule] for rule in RULES},
    }


def _cut(value: Any) -> Any:
    long = isinstance(value, str) and len(value) > EXAMPLE_CHARACTERS
    return f"{value[:EXAMPLE_CHARACTERS]}…" if long else value


def metrics(report: dict[str, Any]) -> dict[str, int]:
    """The numbers that runs are compared by."""
    total = report["total"]
    return {
        "read": total["read"],
        "kept": total["kept"],
        "dropped": total["read"] - total["kept"],
        "characters": total["characters"],
        "groups": sum(found["groups"] for found in report["groups"].values()),
        "near_duplicate_clusters": report["clusters"]["clusters"],
        "pii": sum(count for kinds in report["pii"].values() for count in kinds.values()),
    }


def drops_csv(report: dict[str, Any]) -> str:
    """``source,reason,documents``: for each source those kept, then those that each rule dropped, if any."""
    lines = ["source,reason,documents"]
    for name, part in sorted(report["sources"].items()):
        dropped = [(rule, count) for rule in RULES if (count := part["dropped"][rule])]
        lines += [f"{name},{reason},{count}" for reason, count in [("kept", part["kept"]), *dropped]]
    return "\n".join(lines) + "\n"
