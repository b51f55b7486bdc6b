"""Which documents stay, and why the others go: a few numbers for each document of the corpus."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tokenmill.core.errors import UserError
from tokenmill.core.splits import SPLITS
from tokenmill.data.clean.apply_rules import NONE, apply_rules, columns_of, rule_expressions
from tokenmill.data.clean.contamination import contamination
from tokenmill.data.clean.corpus import Corpus, Numbers, repeated, sources_by_role
from tokenmill.data.clean.equal_texts import conflicting_labels, exact_duplicate
from tokenmill.data.clean.groups import groups_of, split_notes
from tokenmill.data.clean.near_duplicates import near_duplicates
from tokenmill.data.clean.rules import RULES
from tokenmill.data.clean.selection import select
from tokenmill.data.clean.settings import CleanSettings
from tokenmill.data.clean.split import assign_splits
from tokenmill.data.clean.substrings import remove_substrings

NAMES = tuple(RULES)


@dataclass(frozen=True)
class Decisions:
    """All that was decided; no texts."""

    corpus: Corpus
    """The documents that are decided upon."""
    rule: npt.NDArray[np.uint8]
    """The first rule that each document fails, as its place in ``RULES``, or ``NONE``."""
    split: npt.NDArray[np.uint8]
    """Its split, as the place in ``SPLITS``; ``NONE`` for drops."""
    failed: dict[str, int]
    """How many documents fail each rule, whether or not it is their first."""
    expressions: dict[str, pl.Expr]
    """The document rules: what fails of a document, as text."""
    values: pl.DataFrame
    """number, value: what the documents have that a rule about the whole corpus drops, sorted by number."""
    clusters: pl.DataFrame
    """number, id, kept_id, similarity, cluster of near-duplicates; empty where they were not looked for."""
    overlaps: pl.DataFrame
    """number, id, share, span, found_in of training text that is in held-out text; likewise."""
    shortened: pl.DataFrame
    """number, id, text, spans, removed: new texts of the documents that lost passages (null: dropped), and
    their spans; likewise."""
    selection: dict[str, Any] | None
    """What the classifier learnt from, and how well."""
    groups: dict[str, dict[str, Any]]
    """By source that has any: :func:`groups_of`."""
    notes: tuple[str, ...]
    """What groups and folds made of the splits, for the person to see: a sentence each."""
    roles: dict[str, dict[str, int]]
    """By role other than text: texts of each of its sources."""

    def of_source(self, name: str) -> tuple[Numbers, Numbers]:
        """The documents of a source that stay, and those that go."""
        span = self.corpus.numbers_of(name)
        stays = self.rule[span.start : span.stop] == NONE
        return np.flatnonzero(stays) + span.start, np.flatnonzero(~stays) + span.start

    def verdicts(self, numbers: Numbers) -> pl.DataFrame:
        """rule and split of these documents, by their names (String, null for none)."""

        def named(codes: npt.NDArray[np.uint8], names: tuple[str, ...]) -> pl.Series:
            return pl.Series(names, dtype=pl.String).gather(pl.Series(codes).replace(NONE, None))

        return pl.DataFrame(
            {"rule": named(self.rule[numbers], NAMES), "split": named(self.split[numbers], SPLITS)}
        )

    def reasons(self, numbers: Numbers) -> pl.Series:
        """All that each of some dropped documents fails, in the order of ``RULES``: structs of rule, value.

        What document rules say is asked again rather than kept: a large corpus has many drops.
        """
        rule = pl.Enum(NAMES)
        long = [pl.DataFrame(schema={"number": pl.Int64, "rule": rule, "value": pl.String})]
        for here, frame in self.corpus.read(columns_of(self.expressions), numbers):
            failed = frame.select(number=pl.Series(here), **self.expressions)
            failing = failed.unpivot(index="number", variable_name="rule").drop_nulls()
            long.append(failing.cast({"rule": rule}))
        dropped = pl.DataFrame({"number": numbers, "rule": self.verdicts(numbers)["rule"].cast(rule)})
        long.append(dropped.join(self.values, on="number").select("number", "rule", "value"))
        reasons = pl.concat(long).sort("number", "rule").group_by("number", maintain_order=True)
        found = reasons.agg(reasons=pl.struct(pl.col("rule").cast(pl.String), "value"))
        return dropped.join(found, on="number", how="left", maintain_order="left")["reasons"]


def decide(measured: Path, settings: CleanSettings) -> Decisions:
    """Try all rules on the sources with the role ``text``.

    Document rules are all tried on every document. The rules about the whole corpus, in the order in which
    they stand here, see what passed those before them, so that a duplicate always points at a document that
    was not dropped as a duplicate itself. Contamination comes after the split, for it needs to know which
    documents are held out; passages are cut from what is left.

    Raises:
        UserError: no source has the role ``text``, an id stands twice, a sample is too small, or a group
            leaves nothing to hold out.
    """
    sources = sources_by_role(measured)
    if not sources["text"]:
        raise UserError("params.yaml: sources: none has `role: text`; add one, or there is nothing to clean")
    corpora = {role: Corpus.of(measured, names) for role, names in sources.items()}
    corpus = corpora.pop("text")
    expressions = rule_expressions(settings)
    first = apply_rules(corpus, expressions)
    rule, failed = first.rule, dict.fromkeys(RULES, 0) | first.failed
    values = [_empty(value=pl.String)]

    def passed() -> Numbers:
        return np.flatnonzero(rule == NONE)

    def drop(name: str, failing: pl.DataFrame) -> None:
        rule[failing["number"].to_numpy()] = NAMES.index(name)
        failed[name] = len(failing)
        values.append(failing.select("number", "value"))

    left = passed()
    several = left[repeated(first.text[left])]
    equal = corpus.table(("id", "source", "label", "fold", "text_hash", "target_hash"), several)
    conflicts = conflicting_labels(equal)
    drop("conflicting_labels", conflicts)
    drop("exact_duplicate", exact_duplicate(equal.join(conflicts, on="number", how="anti")))
    del left, equal, conflicts
    selection = None
    if settings.selection is not None:
        selected = select(corpus, passed(), corpora["good"], corpora["bad"])
        selection = selected.report
        scores = pl.DataFrame({"number": passed(), "score": selected.scores})
        low = scores.filter(pl.col("score") < settings.selection.min_score)
        drop("low_score", low.select("number", value=pl.col("score").round(3).cast(pl.String)))
    clusters = _empty(id=pl.String, kept_id=pl.String, similarity=pl.Float64, cluster=pl.String)
    if settings.near_duplicates is not None:
        clusters = near_duplicates(corpus, passed(), settings.near_duplicates)
        value = pl.format("{}, similarity {}", "kept_id", pl.col("similarity").round(2))
        drop("near_duplicate", clusters.filter(pl.col("id") != pl.col("kept_id")).with_columns(value=value))
    split = np.full(len(corpus), NONE, np.uint8)
    sides = assign_splits(corpus, passed(), first, clusters, settings.split)
    split[passed()] = sides.split
    notes = tuple(split_notes(corpus, split, sides, settings.split))
    overlaps = _empty(id=pl.String, share=pl.Float64, span=pl.String, found_in=pl.String)
    if settings.contamination is not None:
        overlaps = contamination(corpus, *_sides(split, rule), corpora["test"], settings.contamination)
        value = pl.format("{} shared with {}: {}", pl.col("share").round(2), "found_in", "span")
        drop("contamination", overlaps.with_columns(value=value))
    shortened = _empty(id=pl.String, text=pl.String, spans=pl.String, removed=pl.List(pl.String))
    if settings.substrings is not None:
        shortened = remove_substrings(corpus, *_sides(split, rule), settings.substrings)
        emptied = shortened.filter(pl.col("text").is_null())
        drop("duplicate_passages", emptied.with_columns(value=pl.col("removed").list.join(" … ")))
    split[rule != NONE] = NONE
    kept = pl.DataFrame({"number": passed()})
    return Decisions(
        corpus=corpus,
        rule=rule,
        split=split,
        failed=failed,
        expressions=expressions,
        values=pl.concat(values).sort("number"),
        clusters=clusters,
        overlaps=overlaps,
        shortened=shortened,
        selection=selection,
        groups=groups_of(sides.related.join(kept, on="number", how="semi")),
        notes=notes,
        roles={
            role: {name: len(own.numbers_of(name)) for name in own.sources} for role, own in corpora.items()
        },
    )


def _sides(split: npt.NDArray[np.uint8], rule: npt.NDArray[np.uint8]) -> tuple[Numbers, Numbers]:
    """Documents for training, and those held out, of all that are left."""
    training = split == SPLITS.index("train")
    return np.flatnonzero(training & (rule == NONE)), np.flatnonzero(~training & (rule == NONE))


def _empty(**columns: pl.DataType | type[pl.DataType]) -> pl.DataFrame:
    return pl.DataFrame(schema={"number": pl.Int64, **columns})
