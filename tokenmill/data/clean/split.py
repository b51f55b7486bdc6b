"""The split of each document, train, validation or test, by its content."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tokenmill.core.splits import SPLITS
from tokenmill.data.clean.apply_rules import RELATIONS, FirstPass, hash_number
from tokenmill.data.clean.components import connected
from tokenmill.data.clean.corpus import Corpus, Numbers, repeated
from tokenmill.data.clean.equal_texts import HELD_OUT_FIRST
from tokenmill.data.clean.settings import SplitSettings
from tokenmill.data.documents.labels import MANY_NUMBERS, number_of


@dataclass(frozen=True)
class Sides:
    """The sides of documents, and what decided with their texts."""

    split: npt.NDArray[np.uint8]
    """Of each document its split, as the place in ``SPLITS``."""
    related: pl.DataFrame
    """number, source, group, fold, component, split (its name) of the documents that have a label, a group, a
    fold, a copy or a near-duplicate. What is in one component is on one side."""


def assign_splits(
    corpus: Corpus, passed: Numbers, first: FirstPass, clusters: pl.DataFrame, settings: SplitSettings
) -> Sides:
    """The split of each of the documents ``passed``.

    Documents that belong together come to one side: those of equal text, in whichever sources they stand,
    those of one cluster of near-duplicates (``clusters``: number, cluster), those of one group of a source,
    and what is connected by these. Where any has a fold, that decides, and of several the one that is held
    out: test before validation before train. Else their place is a number in 0..1 that follows from
    their texts alone; the lowest share is for testing, so another validation share leaves the test set as it
    is. :func:`places_together` says what labels and groups change.

    Memory holds a table of the documents that have a label, a group, a fold, a copy or a near-duplicate; what
    becomes of the others follows from the hash of their text alone.
    """
    texts = first.text[passed]
    together = repeated(texts) | first.related[passed] | np.isin(passed, clusters["number"].to_numpy())
    split = side(place(texts), settings)
    documents = corpus.table(("source", *RELATIONS, "text_hash"), passed[together])
    documents = documents.join(
        clusters.select("number", "cluster"), on="number", how="left", maintain_order="left"
    )
    documents = documents.with_columns(component=_components(documents)).drop("cluster")
    own = side(places_together(documents), settings)
    told = documents.select(
        pl.col("fold").is_not_null().any().over("component"), place=HELD_OUT_FIRST.min().over("component")
    )
    split[together] = np.where(told["fold"], BY_PLACE[told["place"].to_numpy()], own)
    documents = documents.with_columns(split=pl.Series(SPLITS).gather(split[together]))
    return Sides(split, documents.drop("label", "text_hash"))


def places_together(documents: pl.DataFrame) -> npt.NDArray[np.float64]:
    """The place of each document's component (columns source, label, group, fold, text_hash, component).

    Stratified: the components of one source and label stand in the order of their hashes, and the place of
    one is where the middle of its documents is among all of theirs, so that each side gets its share of the
    documents of every label, to within one component. One that has more than half of them stands last, and
    so is for training. Groups without labels are stratified by source. The price is that new documents may
    move the few next to a border to the other side, where places of texts with neither never change.

    Labels of a source that are many different numbers are not stratified by: each stands on few texts, all of
    which would come to training.
    """
    label = pl.col("label")
    numbers = (number_of(label).is_not_null() | label.is_null()).all().over("source")
    measured = numbers & (label.n_unique().over("source") > MANY_NUMBERS)
    named = documents.with_columns(label=pl.when(~measured).then("label"))
    stratum = pl.format("{}:{}", "source", pl.col("label").fill_null(""))
    components = named.group_by("component").agg(
        # Of several, any will do that does not depend on the order.
        pl.col("text_hash").min(),
        stratum=pl.when(pl.any_horizontal(pl.col("label", "group").is_not_null())).then(stratum).min(),
        documents=pl.len().cast(pl.Int64),
    )
    of_all = pl.col("documents").sum().over("stratum")
    components = components.with_columns(most=2 * pl.col("documents") > of_all).sort("most", "text_hash")
    middle = pl.col("documents").cum_sum().over("stratum") - pl.col("documents") / 2
    components = components.with_columns(middle=middle / of_all, number=hash_number("text_hash"))
    components = components.with_columns(number=pl.Series(place(components["number"].to_numpy())))
    places = components.select(
        "component", place=pl.when(pl.col("stratum").is_null()).then("number").otherwise("middle")
    )
    return documents.join(places, on="component", how="left", maintain_order="left")["place"].to_numpy()


def _components(documents: pl.DataFrame) -> pl.Series:
    """A number for each document; equal for what equal texts, clusters and groups connect."""
    group = pl.when(pl.col("group").is_not_null()).then(pl.struct("source", "group"))
    ranks = documents.select(
        pl.col("text_hash", "cluster").rank("dense").fill_null(0).cast(pl.Int64),
        group=group.rank("dense").fill_null(0).cast(pl.Int64),
    )
    text, cluster, of_group = (ranks[name].to_numpy() for name in ("text_hash", "cluster", "group"))
    clusters = text.max(initial=0) + 1
    groups = clusters + cluster.max(initial=0) + 1
    left = np.concatenate((text[cluster > 0], text[of_group > 0]))
    right = np.concatenate((clusters + cluster[cluster > 0], groups + of_group[of_group > 0]))
    return pl.Series(connected(left, right, groups + of_group.max(initial=0) + 1)[text])


def place(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """The first 8 bytes of hashes as numbers in [0, 1)."""
    # Of 64 bits a float holds 53; rounding up to 1 is what they must not.
    return (numbers >> np.uint64(11)) / 2.0**53


BY_PLACE = np.array([SPLITS.index(name) for name in ("test", "validation", "train")], np.uint8)
"""Splits in the order of places, and of ``HELD_OUT_FIRST``: what is lowest is for testing."""


def side(places: npt.NDArray[np.float64], settings: SplitSettings) -> npt.NDArray[np.uint8]:
    """For places in 0..1 the place of test, validation or train in ``SPLITS``."""
    return BY_PLACE[np.searchsorted([settings.test, settings.test + settings.validation], places, "right")]
