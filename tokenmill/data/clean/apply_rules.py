"""The rules about single documents, tried on every document's measures."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tokenmill.core.errors import UserError
from tokenmill.data.clean.corpus import Corpus, repeated
from tokenmill.data.clean.rules import DOCUMENT_RULES, Rule
from tokenmill.data.clean.settings import LANGUAGES, CleanSettings, LanguageThresholds

NONE = 255
"""In place of the number of a rule, or of a split: there is none."""
RELATIONS = ("label", "group", "fold")


@dataclass(frozen=True)
class FirstPass:
    """What one pass over the measures gives of every document; no text is read."""

    rule: npt.NDArray[np.uint8]
    """The first document rule that it fails, as its place in ``RULES``, or ``NONE``."""
    text: npt.NDArray[np.uint64]
    """The first 8 bytes of its text's hash, the first one as the highest."""
    related: npt.NDArray[np.bool_]
    """Whether it has a label, a group or a fold: its split does not follow from its text alone."""
    failed: dict[str, int]
    """How many documents fail each document rule, whether or not it is their first."""


def apply_rules(corpus: Corpus, expressions: dict[str, pl.Expr]) -> FirstPass:
    """Try the rules, made by :func:`rule_expressions`, on every document.

    Raises:
        UserError: an id stands twice.
    """
    found = FirstPass(
        np.full(len(corpus), NONE, np.uint8),
        np.zeros(len(corpus), np.uint64),
        np.zeros(len(corpus), np.bool_),
        dict.fromkeys(expressions, 0),
    )
    ids = np.zeros(len(corpus), np.uint64)
    for numbers, frame in corpus.read(("id", *RELATIONS, "text_hash", *columns_of(expressions))):
        # All expressions look at numbers, so a part costs little more than reading its narrow columns.
        failing = frame.select(**expressions).select(pl.all().is_not_null())
        for place, name in reversed(list(enumerate(expressions))):
            fails = failing[name].to_numpy()
            found.rule[numbers[fails]] = place
            found.failed[name] += int(fails.sum())
        found.text[numbers] = frame.select(hash_number("text_hash")).to_series().to_numpy()
        related = frame.select(pl.any_horizontal(pl.col(RELATIONS).is_not_null()))
        found.related[numbers] = related.to_series().to_numpy()
        ids[numbers] = frame["id"].hash().to_numpy()
    _check_ids(corpus, ids)
    return found


def rule_expressions(settings: CleanSettings) -> dict[str, pl.Expr]:
    """For each document rule, in their order: null where a document passes, else what failed, as text."""
    made = {rule.name: _expression(rule, settings.thresholds) for rule in DOCUMENT_RULES}
    language = pl.col("language")
    wanted = pl.lit(True) if settings.languages is None else language.is_in(settings.languages)
    return made | {"other_language": pl.when(~wanted).then(language)}


def columns_of(expressions: dict[str, pl.Expr]) -> list[str]:
    """The measures that these rules look at."""
    names = {name for expression in expressions.values() for name in expression.meta.root_names()}
    return sorted(names - {"id", "label"})


def hash_number(column: str) -> pl.Expr:
    """The first 8 bytes of a hash as a number."""
    return pl.col(column).bin.slice(0, 8).bin.reinterpret(dtype=pl.UInt64, endianness="big")


def _expression(rule: Rule, thresholds: LanguageThresholds) -> pl.Expr:
    if not rule.sizes:
        return _bounded(rule, thresholds, pl.sql_expr(rule.measure))
    # The value names the first n that fails: 2-gram 0.31.
    return pl.coalesce(
        pl.format(f"{n}-gram {{}}", _bounded(rule, thresholds, pl.sql_expr(rule.measure.format(n=n)), place))
        for place, n in enumerate(rule.sizes)
    )


def _bounded(
    rule: Rule, thresholds: LanguageThresholds, measure: pl.Expr, place: int | None = None
) -> pl.Expr:
    """The measure as text where it is outside of the rule's thresholds, or anything where it has none."""
    if not rule.thresholds:
        return measure
    within = pl.lit(True)
    if rule.least:
        within &= measure >= _threshold(thresholds, rule.least, place)
    if rule.most:
        within &= measure <= _threshold(thresholds, rule.most, place)
    return _as_text(pl.when(~within).then(measure))


def _threshold(thresholds: LanguageThresholds, name: str, place: int | None) -> pl.Expr:
    """The threshold (or its entry at ``place``) for each document's language; null: not checked."""

    def value(language: str) -> pl.Expr:
        found = getattr(thresholds.of(language), name)
        return pl.lit(found if place is None or found is None else found[place], dtype=pl.Float64)

    chosen = value("default")
    for language in LANGUAGES:
        chosen = pl.when(pl.col("language") == language).then(value(language)).otherwise(chosen)
    return chosen


def _as_text(value: pl.Expr) -> pl.Expr:
    """A number: whole as it is, else with four digits after the point at most. Null stays null."""
    number = value.cast(pl.Float64)
    whole = number == number.floor()
    return (
        pl.when(whole).then(number.cast(pl.Int64).cast(pl.String)).otherwise(number.round(4).cast(pl.String))
    )


def _check_ids(corpus: Corpus, hashes: npt.NDArray[np.uint64]) -> None:
    (suspected,) = np.nonzero(repeated(hashes))
    again = corpus.table(("id", "source"), suspected).filter(pl.col("id").is_duplicated())
    if len(again):
        _, name, source = again.row(0)
        raise UserError(
            f"data/measured: id {name!r} of {source} stands more than once; ids must differ, so that "
            "drops can be traced: leave out the id column of the source, or mend it"
        )
