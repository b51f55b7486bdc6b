"""Which documents stay, and why the others go: a few small tables for the whole corpus."""

from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.clean.judge import judge
from stages.clean.keys import categories
from stages.clean.rules import RULES
from stages.clean.rules.conflicting_labels import conflicting_labels
from stages.clean.rules.exact_duplicate import exact_duplicate
from stages.clean.split import assign_splits
from stages.data_settings import CleanSettings

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Decisions:
    """All that was decided; no texts."""

    documents: "pl.DataFrame"
    """``KEYS`` of every document, and ``rule``: the first that it fails, null where it stays. ``split`` is
    null for drops."""
    failures: "pl.DataFrame"
    """id, rule, value: all that a dropped document fails, in the order of ``RULES``."""
    clusters: "pl.DataFrame"
    """id, kept_id, similarity, cluster of near-duplicates; empty where they were not looked for."""
    overlaps: "pl.DataFrame"
    """id, share, span, found_in of training text that is in held-out text; likewise."""
    shortened: "pl.DataFrame"
    """id, text, removed: new texts of the documents that lost passages (null: dropped); likewise."""
    selection: dict[str, Any] | None = None
    """What the classifier learnt from, and how well."""

    def by_source(self) -> "dict[str, pl.DataFrame]":
        """The documents of each source, in order of the names; stretches of the table, not copies."""
        sources = self.documents["source"]
        counts = dict(sources.rle().struct.unnest().select("value", "len").iter_rows())
        names = categories(sources)
        ends = accumulate(counts.get(name, 0) for name in names)
        return {
            name: self.documents[end - counts.get(name, 0) : end]
            for name, end in zip(names, ends, strict=True)
        }


def decide(measured: Path, files: Path, settings: CleanSettings) -> Decisions:
    """Try all rules. ``files`` is the folder of the user's own test sets.

    Document rules are all tried on every document. Corpus rules see what passed those before them, so that
    a duplicate always points at a document that was not dropped as a duplicate itself. Contamination comes
    after the split, for it needs to know which documents are held out; passages are cut from what is left.
    """
    import polars as pl

    keys, failures = judge(measured, settings)
    passed = keys.join(failures, on="id", how="anti", maintain_order="left")

    def drop(rule: str, failed: "pl.DataFrame") -> None:
        nonlocal passed, failures
        values = failed.select("id", pl.lit(rule, dtype=pl.Enum(RULES)).alias("rule"), "value")
        failures = pl.concat([failures, values])
        if len(failed):  # else there is no need for another copy
            passed = passed.join(failed, on="id", how="anti", maintain_order="left")

    drop("conflicting_labels", conflicting_labels(passed))
    drop("exact_duplicate", exact_duplicate(passed))
    selection = None
    if settings.selection is not None:
        from stages.clean.selection import select

        selected = select(passed, measured, settings.selection, files)
        selection = selected.report
        low = selected.scores.filter(pl.col("score") < settings.selection.min_score)
        drop("low_score", low.select("id", value=pl.col("score").round(3).cast(pl.String)))
    clusters = _no_clusters()
    if settings.near_duplicates is not None:
        from stages.clean.near_duplicates import near_duplicates

        clusters = near_duplicates(passed, measured, settings.near_duplicates)
        copies = clusters.filter(pl.col("id") != pl.col("kept_id"))
        drop(
            "near_duplicate",
            copies.select(
                "id", value=pl.format("{}, similarity {}", "kept_id", pl.col("similarity").round(2))
            ),
        )
    passed = assign_splits(passed, clusters, settings.split).select(
        "id", "characters", "part", "row", "split"
    )
    overlaps = _no_overlaps()
    if settings.contamination is not None:
        from stages.clean.contamination import contamination

        overlaps = contamination(passed, measured, settings.contamination, files)
        drop(
            "contamination",
            overlaps.select(
                "id", value=pl.format("{} shared with {}: {}", pl.col("share").round(2), "found_in", "span")
            ),
        )
    shortened = _no_passages()
    if settings.substrings is not None:
        from stages.clean.substrings import remove_substrings

        shortened = remove_substrings(passed, measured, settings.substrings)
        emptied = shortened.filter(pl.col("text").is_null())
        drop("duplicate_passages", emptied.select("id", value=pl.col("removed").list.join(" … ")))
    failures = failures.sort("id", "rule")
    first = failures.group_by("id", maintain_order=True).first().select("id", "rule")
    verdicts = keys.select("id").join(
        passed.select("id", "split"), on="id", how="left", maintain_order="left"
    )
    verdicts = verdicts.join(first, on="id", how="left", maintain_order="left")
    documents = keys.with_columns(verdicts["split"], verdicts["rule"])
    shorter = shortened.drop_nulls("text").with_columns(pl.col("text").str.len_chars().alias("characters"))
    if len(shorter):
        documents = documents.update(shorter.select("id", "characters"), on="id")
    return Decisions(documents, failures, clusters, overlaps, shortened, selection)


def _no_clusters() -> "pl.DataFrame":
    import polars as pl

    return pl.DataFrame(
        schema={"id": pl.String, "kept_id": pl.String, "similarity": pl.Float64, "cluster": pl.String}
    )


def _no_overlaps() -> "pl.DataFrame":
    import polars as pl

    return pl.DataFrame(
        schema={"id": pl.String, "share": pl.Float64, "span": pl.String, "found_in": pl.String}
    )


def _no_passages() -> "pl.DataFrame":
    import polars as pl

    return pl.DataFrame(schema={"id": pl.String, "text": pl.String, "removed": pl.List(pl.String)})
