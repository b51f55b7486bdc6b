"""Which documents stay, and why the others go: one small table of decisions for the whole corpus."""

from typing import TYPE_CHECKING

from stages.clean.normalize import normalize
from stages.clean.rules import CORPUS_RULES, DOCUMENT_RULES, RULES
from stages.clean.split import content_hash, split_of
from stages.params import CleanSettings

if TYPE_CHECKING:
    import polars as pl

COLUMNS = ["id", "source", "text", "label", "target", "language"]


def normalized(raw: "pl.LazyFrame") -> "pl.LazyFrame":
    """Raw documents with text and target normalised; everything else as it is."""
    import polars as pl

    return raw.select(COLUMNS).with_columns(normalize(pl.col("text")), normalize(pl.col("target")))


def judge(documents: "pl.DataFrame", source: str, settings: CleanSettings) -> "pl.DataFrame":
    """What the decision needs of a source's normalised documents.

    Columns: id, source, label, text_hash, target_hash, characters (of the text), bytes (of text and target),
    and one for each document rule (null where it passes, else the value that failed).
    """
    import polars as pl

    rules = [rule(settings).cast(pl.String).alias(name) for name, rule in DOCUMENT_RULES.items()]
    return documents.select(
        "id", pl.lit(source).alias("source"), "label",
        content_hash(documents["text"]).alias("text_hash"),
        content_hash(documents["target"]).alias("target_hash"),
        pl.col("text").str.len_chars().alias("characters"),
        pl.sum_horizontal(pl.col("text", "target").str.len_bytes()).alias("bytes"),
        *rules,
    )  # fmt: skip


def decide(judged: "pl.DataFrame", settings: CleanSettings) -> "pl.DataFrame":
    """The decision on every document of the corpus, from all sources' :func:`judge` put together.

    Columns: id, source, label, text_hash, characters, bytes; split (null for drops); reasons (list of
    struct{rule, value}, empty for kept documents); rule (of the first reason, which reports count, or null).

    Document rules are all tried. Corpus rules see what passed those before them, so that a duplicate always
    points at a document that is kept.
    """
    import polars as pl

    for name, rule in CORPUS_RULES.items():
        tried = [other for other in RULES if other in judged.columns]
        passed = judged.filter(pl.all_horizontal(pl.col(tried).is_null()))
        failed = rule(passed.select("id", "source", "label", "text_hash", "target_hash"))
        judged = judged.join(failed.rename({"value": name}), on="id", how="left", maintain_order="left")
    reasons = pl.concat_list(
        pl.when(pl.col(rule).is_not_null()).then(pl.struct(rule=pl.lit(rule), value=pl.col(rule)))
        for rule in RULES
    ).list.drop_nulls()
    kept = pl.col("reasons").list.len() == 0
    return judged.with_columns(reasons=reasons).select(
        "id", "source", "label", "text_hash", "characters", "bytes", "reasons",
        rule=pl.col("reasons").list.first().struct.field("rule"),
        split=pl.when(kept).then(split_of(pl.col("text_hash"), settings.split)),
    )  # fmt: skip
