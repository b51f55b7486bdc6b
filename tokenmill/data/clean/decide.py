"""Which documents stay, and why the others go: a few numbers for each document of the corpus."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tokenmill.data.clean.corpus import Corpus, Numbers, repeated
from tokenmill.data.clean.judge import NONE, judge, roots
from tokenmill.data.clean.rules import RULES, document_rules
from tokenmill.data.clean.rules.conflicting_labels import conflicting_labels
from tokenmill.data.clean.rules.exact_duplicate import exact_duplicate
from tokenmill.data.clean.split import assign_splits
from tokenmill.core.splits import SPLITS
from tokenmill.data.clean.settings import CleanSettings

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Decisions:
    """All that was decided; no texts."""

    corpus: Corpus
    rule: npt.NDArray[np.uint8]
    """The first rule that each document fails, as its place in ``RULES``, or ``NONE``."""
    split: npt.NDArray[np.uint8]
    """Its split, as the place in ``SPLITS``; ``NONE`` for drops."""
    failed: dict[str, int]
    """How many documents fail each rule, whether or not it is their first."""
    document_rules: "dict[str, pl.Expr]"
    values: "pl.DataFrame"
    """number, value: what the documents have that a rule about the whole corpus drops, sorted by number."""
    clusters: "pl.DataFrame"
    """number, id, kept_id, similarity, cluster of near-duplicates; empty where they were not looked for."""
    overlaps: "pl.DataFrame"
    """number, id, share, span, found_in of training text that is in held-out text; likewise."""
    shortened: "pl.DataFrame"
    """number, id, text, removed: new texts of the documents that lost passages (null: dropped); likewise."""
    selection: dict[str, Any] | None = None
    """What the classifier learnt from, and how well."""

    def of_source(self, name: str) -> tuple[Numbers, Numbers]:
        """The documents of a source that stay, and those that go."""
        span = self.corpus.numbers_of(name)
        stays = self.rule[span.start : span.stop] == NONE
        return np.flatnonzero(stays) + span.start, np.flatnonzero(~stays) + span.start

    def verdicts(self, numbers: Numbers) -> "pl.DataFrame":
        """rule and split of these documents, by their names (String, null for none)."""
        import polars as pl

        def named(codes: npt.NDArray[np.uint8], names: tuple[str, ...]) -> "pl.Series":
            return pl.Series(names, dtype=pl.String).gather(pl.Series(codes).replace(NONE, None))

        return pl.DataFrame(
            {"rule": named(self.rule[numbers], RULES), "split": named(self.split[numbers], SPLITS)}
        )

    def reasons(self, numbers: Numbers) -> "pl.Series":
        """All that each of some dropped documents fails, in the order of ``RULES``: structs of rule, value.

        What document rules say is asked again rather than kept: a large corpus has many drops.
        """
        import polars as pl

        rule = pl.Enum(RULES)
        long = [pl.DataFrame(schema={"number": pl.Int64, "rule": rule, "value": pl.String})]
        for here, frame in self.corpus.read(roots(self.document_rules), numbers):
            judged = frame.select(number=pl.Series(here), **self.document_rules)
            failing = judged.unpivot(index="number", variable_name="rule").drop_nulls()
            long.append(failing.cast({"rule": rule}))
        dropped = pl.DataFrame({"number": numbers, "rule": self.verdicts(numbers)["rule"].cast(rule)})
        long.append(dropped.join(self.values, on="number").select("number", "rule", "value"))
        reasons = pl.concat(long).sort("number", "rule").group_by("number", maintain_order=True)
        found = reasons.agg(reasons=pl.struct(pl.col("rule").cast(pl.String), "value"))
        return dropped.join(found, on="number", how="left", maintain_order="left")["reasons"]


def decide(measured: Path, files: Path, settings: CleanSettings) -> Decisions:
    """Try all rules. ``files`` is the folder of the user's own test sets.

    Document rules are all tried on every document. The rules about the whole corpus, in the order in which
    they stand here, see what passed those before them, so that a duplicate always points at a document that
    was not dropped as a duplicate itself. Contamination comes after the split, for it needs to know which
    documents are held out; passages are cut from what is left.
    """
    import polars as pl

    corpus = Corpus.of(measured)
    rules = document_rules(settings)
    judged = judge(corpus, rules)
    rule, failed = judged.rule, dict.fromkeys(RULES, 0) | judged.failed
    values = [pl.DataFrame(schema={"number": pl.Int64, "value": pl.String})]

    def passed() -> Numbers:
        return np.flatnonzero(rule == NONE)

    def drop(name: str, failing: "pl.DataFrame") -> None:
        rule[failing["number"].to_numpy()] = RULES.index(name)
        failed[name] = len(failing)
        values.append(failing.select("number", "value"))

    left = passed()
    copied = left[repeated(judged.text[left])]
    copies = corpus.table(("id", "source", "label", "text_hash", "target_hash"), copied)
    conflicts = conflicting_labels(copies)
    drop("conflicting_labels", conflicts)
    drop("exact_duplicate", exact_duplicate(copies.join(conflicts, on="number", how="anti")))
    del left, copies, conflicts
    selection = None
    if settings.selection is not None:
        from tokenmill.data.clean.selection import select

        selected = select(corpus, passed(), settings.selection, files)
        selection = selected.report
        scores = pl.DataFrame({"number": passed(), "score": selected.scores})
        low = scores.filter(pl.col("score") < settings.selection.min_score)
        drop("low_score", low.select("number", value=pl.col("score").round(3).cast(pl.String)))
    clusters = _empty(id=pl.String, kept_id=pl.String, similarity=pl.Float64, cluster=pl.String)
    if settings.near_duplicates is not None:
        from tokenmill.data.clean.near_duplicates import near_duplicates

        clusters = near_duplicates(corpus, passed(), settings.near_duplicates)
        value = pl.format("{}, similarity {}", "kept_id", pl.col("similarity").round(2))
        drop("near_duplicate", clusters.filter(pl.col("id") != pl.col("kept_id")).with_columns(value=value))
    split = np.full(len(corpus), NONE, np.uint8)
    split[passed()] = assign_splits(corpus, passed(), judged, clusters, settings.split)
    overlaps = _empty(id=pl.String, share=pl.Float64, span=pl.String, found_in=pl.String)
    if settings.contamination is not None:
        from tokenmill.data.clean.contamination import contamination

        training, held_out = _sides(split, rule)
        overlaps = contamination(corpus, training, held_out, settings.contamination, files)
        value = pl.format("{} shared with {}: {}", pl.col("share").round(2), "found_in", "span")
        drop("contamination", overlaps.with_columns(value=value))
    shortened = _empty(id=pl.String, text=pl.String, removed=pl.List(pl.String))
    if settings.substrings is not None:
        from tokenmill.data.clean.substrings import remove_substrings

        shortened = remove_substrings(corpus, *_sides(split, rule), settings.substrings)
        emptied = shortened.filter(pl.col("text").is_null())
        drop("duplicate_passages", emptied.with_columns(value=pl.col("removed").list.join(" … ")))
    split[rule != NONE] = NONE
    return Decisions(
        corpus,
        rule,
        split,
        failed,
        rules,
        pl.concat(values).sort("number"),
        clusters,
        overlaps,
        shortened,
        selection,
    )


def _sides(split: npt.NDArray[np.uint8], rule: npt.NDArray[np.uint8]) -> tuple[Numbers, Numbers]:
    """Documents for training, and those held out, of all that are left."""
    training = split == SPLITS.index("train")
    return np.flatnonzero(training & (rule == NONE)), np.flatnonzero(~training & (rule == NONE))


def _empty(**columns: "pl.DataType | type[pl.DataType]") -> "pl.DataFrame":
    import polars as pl

    return pl.DataFrame(schema={"number": pl.Int64, **columns})
