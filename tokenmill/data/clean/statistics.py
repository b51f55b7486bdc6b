"""What clean did, in figures: the content of report.json, and of the metrics and plots made from it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenmill.data.clean.copies import clusters_of, contamination_of
from tokenmill.data.clean.decide import Decisions
from tokenmill.data.clean.rules import RULES
from tokenmill.data.clean.survey import EXAMPLES, LENGTH_EDGES, Survey
from tokenmill.data.clean.write import COLUMNS, written
from tokenmill.core.splits import SPLITS
from tokenmill.data.clean.settings import CleanSettings

if TYPE_CHECKING:
    import polars as pl

EXAMPLE_CHARACTERS = 280


def summarize(measured: Path, decisions: Decisions, found: Survey, settings: CleanSettings) -> dict[str, Any]:
    """The report: totals, one part for each source, what was found, and examples.

    A document that fails several rules is counted under the first of them, so that read = kept + dropped;
    ``failed`` counts it under each.
    """
    import polars as pl

    sources = decisions.corpus.sources
    parts = {name: found.counts.filter(pl.col("source") == name) for name in sources}
    return {
        "settings": settings.model_dump(),
        "rules": list(RULES),
        "total": figures(found.counts),
        "failed": decisions.failed,
        "sources": {name: figures(part) | {"labels": _labels(part)} for name, part in parts.items()},
        "lengths": {
            "edges": list(LENGTH_EDGES),
            "sources": {name: _lengths(part) for name, part in parts.items()},
        },
        "languages": {name: _languages(part) for name, part in parts.items()},
        "pii": {name: _pii(measured, name) for name in sources},
        "clusters": clusters_of(decisions),
        "contamination": contamination_of(decisions),
        "passages": _passages(decisions),
        "selection": decisions.selection,
        "examples": _examples(decisions, found.examples),
    }


def figures(counts: "pl.DataFrame") -> dict[str, Any]:
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


def _kept(counts: "pl.DataFrame") -> "pl.DataFrame":
    import polars as pl

    return counts.filter(pl.col("rule").is_null())


def _sums(counts: "pl.DataFrame", *columns: str) -> dict[Any, int]:
    """Documents by one column, or by several as tuples, null left out."""
    import polars as pl

    sums = counts.drop_nulls(columns).group_by(columns).agg(pl.col("documents").sum())
    return {keys[0] if len(columns) == 1 else tuple(keys): count for *keys, count in sums.iter_rows()}


def _labels(counts: "pl.DataFrame") -> dict[str, dict[str, int]]:
    """Kept documents by label and split."""
    sums = _sums(_kept(counts), "label", "split")
    labels = sorted({label for label, _ in sums})
    return {label: {split: sums.get((label, split), 0) for split in SPLITS} for label in labels}


def _languages(counts: "pl.DataFrame") -> dict[str, int]:
    """Kept documents by language, the most frequent first."""
    sums = _sums(_kept(counts), "language")
    return dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))


def _pii(measured: Path, source: str) -> dict[str, int]:
    """Personal data replaced in a source, by kind; in all that was measured, kept or not."""
    import polars as pl

    counts = pl.scan_parquet(measured / source / "*.parquet").select(pl.selectors.starts_with("pii_").sum())
    return {name.removeprefix("pii_"): count for name, count in counts.collect().row(0, named=True).items()}


def _passages(decisions: Decisions) -> dict[str, Any]:
    """Documents that lost passages, how many characters, and the longest passages."""
    import polars as pl

    passages = decisions.shortened.select("id", passage="removed").explode("passage")
    passages = passages.with_columns(characters=pl.col("passage").str.len_chars())
    longest = passages.sort("characters", "id", "passage", descending=[True, False, False]).head(EXAMPLES)
    shown = longest.with_columns(pl.col("passage").str.slice(0, EXAMPLE_CHARACTERS))
    return {
        "documents": decisions.shortened.height,
        "characters": int(passages["characters"].sum()),
        "examples": shown.to_dicts(),
    }


def _lengths(counts: "pl.DataFrame") -> list[int]:
    """Kept documents in each bin of ``LENGTH_EDGES``."""
    sums = _sums(_kept(counts), "bin")
    return [sums.get(place, 0) for place in range(len(LENGTH_EDGES))]


def _examples(decisions: Decisions, picked: "pl.DataFrame") -> dict[str, Any]:
    """``kept``, and ``dropped`` by rule: by source, the picked documents as they were written."""
    import polars as pl

    numbers = picked["number"].unique().sort().to_numpy()
    texts = written(decisions, numbers, decisions.corpus.table(COLUMNS, numbers))
    dropped = picked.filter(pl.col("rule").is_not_null())["number"].unique().sort().to_numpy()
    reasons = dict(zip(dropped.tolist(), decisions.reasons(dropped).to_list(), strict=True))
    rows = {row["number"]: row for row in texts.select("number", "id", "text", "label", "target").to_dicts()}
    shown: dict[str | None, dict[str, list[dict[str, Any]]]] = {rule: {} for rule in (None, *RULES)}
    for source, rule, number in picked.sort("source", maintain_order=True).iter_rows():
        row = {key: _cut(value) for key, value in rows[number].items() if key != "number"}
        if rule is not None:
            row["reasons"] = reasons[number]
        shown[rule].setdefault(source, []).append(row)
    return {"kept": shown[None], "dropped": {rule: shown[rule] for rule in RULES}}


def _cut(value: Any) -> Any:
    long = isinstance(value, str) and len(value) > EXAMPLE_CHARACTERS
    return f"{value[:EXAMPLE_CHARACTERS]}…" if long else value


def metrics(report: dict[str, Any]) -> dict[str, Any]:
    """The numbers that runs are compared by."""
    sources = {
        name: {k: v for k, v in part.items() if k != "labels"} for name, part in report["sources"].items()
    }
    pii = {
        kind: sum(part[kind] for part in report["pii"].values())
        for kind in next(iter(report["pii"].values()), {})
    }
    clusters = {name: report["clusters"][name] for name in ("clusters", "documents")}
    return {"total": report["total"], "sources": sources, "pii": pii, "near_duplicates": clusters}


def drops_csv(report: dict[str, Any]) -> str:
    """``source,reason,documents``: one line for each source and rule that dropped any."""
    lines = [
        f"{name},{rule},{count}"
        for name, part in sorted(report["sources"].items())
        for rule in report["rules"]
        if (count := part["dropped"][rule])
    ]
    return "\n".join(["source,reason,documents", *lines]) + "\n"
