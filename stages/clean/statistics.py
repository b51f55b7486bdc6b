"""What clean did, in figures: the content of report.json, and of the metrics and plots made from it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.clean.copies import clusters_of, contamination_of
from stages.clean.decide import Decisions
from stages.clean.rules import RULES
from stages.data_settings import CleanSettings
from stages.documents import SPLITS

if TYPE_CHECKING:
    import polars as pl

LENGTH_EDGES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000)
"""Lower ends of the length histogram's bins, in characters."""
EXAMPLES = 3
"""Documents shown of each source, and of each rule and source."""
EXAMPLE_CHARACTERS = 280


def summarize(measured: Path, out: Path, decisions: Decisions, settings: CleanSettings) -> dict[str, Any]:
    """The report: totals, one part for each source, what was found, and examples.

    A document that fails several rules is counted under the first of them, so that read = kept + dropped;
    ``failed`` counts it under each.
    """
    import polars as pl

    documents = decisions.documents
    parts = decisions.by_source()
    dropped = {rule: _examples(out / "drops", parts, rule) for rule in RULES}
    failed = dict(
        decisions.failures.select(pl.col("rule").cast(pl.String).value_counts()).unnest("rule").iter_rows()
    )
    return {
        "settings": settings.model_dump(),
        "rules": list(RULES),
        "total": figures(documents),
        "failed": {rule: failed.get(rule, 0) for rule in RULES},
        "sources": {name: figures(part) | {"labels": _labels(part)} for name, part in parts.items()},
        "lengths": {
            "edges": list(LENGTH_EDGES),
            "sources": {name: _lengths(part) for name, part in parts.items()},
        },
        "languages": {name: _languages(part) for name, part in parts.items()},
        "pii": {name: _pii(measured, name) for name in parts},
        "clusters": clusters_of(measured, decisions),
        "contamination": contamination_of(decisions),
        "passages": _passages(decisions),
        "selection": decisions.selection,
        "examples": {"kept": _examples(out / "documents", parts, None), "dropped": dropped},
    }


def figures(decisions: "pl.DataFrame") -> dict[str, Any]:
    """Counts of documents read, kept, dropped by rule and in each split, and of characters (normalised)."""
    import polars as pl

    kept = decisions.filter(pl.col("split").is_not_null())
    by_rule = dict(decisions["rule"].drop_nulls().cast(pl.String).value_counts().iter_rows())
    by_split = dict(kept["split"].value_counts().iter_rows())
    return {
        "read": decisions.height,
        "kept": kept.height,
        "dropped": {rule: by_rule.get(rule, 0) for rule in RULES},
        "splits": {split: by_split.get(split, 0) for split in SPLITS},
        "characters": int(kept["characters"].sum()),
    }


def _labels(decisions: "pl.DataFrame") -> dict[str, dict[str, int]]:
    """Kept documents by label and split."""
    import polars as pl

    kept = decisions.filter(pl.col("split").is_not_null() & pl.col("label").is_not_null())
    counts = {(label, split): n for label, split, n in kept.group_by("label", "split").len().iter_rows()}
    labels = sorted({label for label, _ in counts})
    return {label: {split: counts.get((label, split), 0) for split in SPLITS} for label in labels}


def _languages(decisions: "pl.DataFrame") -> dict[str, int]:
    """Kept documents by language, the most frequent first."""
    import polars as pl

    kept = decisions.filter(pl.col("split").is_not_null())
    counts = kept["language"].cast(pl.String).value_counts()
    return dict(counts.sort("count", "language", descending=[True, False]).iter_rows())


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


def _lengths(decisions: "pl.DataFrame") -> list[int]:
    """Kept documents in each bin of ``LENGTH_EDGES``."""
    import polars as pl

    characters = decisions.filter(pl.col("split").is_not_null())["characters"]
    at_least = [int((characters >= edge).sum()) for edge in LENGTH_EDGES]
    return [more - fewer for more, fewer in zip(at_least, [*at_least[1:], 0], strict=True)]


def _examples(
    folder: Path, parts: "dict[str, pl.DataFrame]", rule: str | None
) -> dict[str, list[dict[str, Any]]]:
    """By source, a few documents that a rule dropped, or that were kept (None).

    Those with the lowest hash: a pick without bias that stays the same.
    """
    import polars as pl

    fits = pl.col("split").is_not_null() if rule is None else pl.col("rule") == rule
    columns = ["id", "text", "label", "target"] + ([] if rule is None else ["reasons"])
    examples: dict[str, list[dict[str, Any]]] = {}
    for name, part in parts.items():
        fitting = part.filter(fits).select("id", "text_hash", "label")
        lowest = fitting["text_hash"].unique().sort().head(EXAMPLES)
        ordered = fitting.filter(pl.col("text_hash").is_in(lowest.implode())).sort("text_hash", "id")
        # Copies of one text tell no more than one of them, unless they differ in their labels.
        picked = ordered.unique(["text_hash", "label"], keep="first", maintain_order=True).head(EXAMPLES)
        if not picked.is_empty():
            table = pl.scan_parquet(folder / f"{name}.parquet").select(columns)
            found = table.filter(pl.col("id").is_in(picked["id"].to_list())).collect()
            rows = picked.select("id").join(found, on="id", maintain_order="left").to_dicts()
            examples[name] = [{key: _cut(value) for key, value in row.items()} for row in rows]
    return examples


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
