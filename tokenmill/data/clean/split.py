"""The split of each document, train, validation or test, by its content."""

import numpy as np
import numpy.typing as npt
import polars as pl

from tokenmill.core.splits import SPLITS
from tokenmill.data.clean.apply_rules import FirstPass, hash_number
from tokenmill.data.clean.components import connected
from tokenmill.data.clean.corpus import Corpus, Numbers, repeated
from tokenmill.data.clean.settings import SplitSettings
from tokenmill.data.documents.labels import MANY_NUMBERS, numbers_of


def assign_splits(
    corpus: Corpus, passed: Numbers, first: FirstPass, clusters: pl.DataFrame, settings: SplitSettings
) -> npt.NDArray[np.uint8]:
    """The split of each of the documents ``passed``, as its place in ``SPLITS``.

    Documents of one group come to one side: those of equal text, in whichever sources they stand, and those
    of one cluster of near-duplicates (``clusters``: number, cluster). A group's place is a number in 0..1
    that follows from its texts alone; the lowest share is for testing, so another validation share leaves the
    test set as it is. :func:`grouped_places` says what a label changes.

    Memory holds a table of the documents that have a label, a copy or a near-duplicate; what becomes of the
    others follows from the hash of their text alone.
    """
    texts = first.text[passed]
    together = repeated(texts) | first.labelled[passed] | np.isin(passed, clusters["number"].to_numpy())
    places = place(texts)
    documents = corpus.table(("source", "label", "text_hash"), passed[together])
    documents = documents.join(
        clusters.select("number", "cluster"), on="number", how="left", maintain_order="left"
    )
    places[together] = grouped_places(documents)
    return side(places, settings)


def grouped_places(documents: pl.DataFrame) -> npt.NDArray[np.float64]:
    """The place of each document's group (columns source, label, text_hash, cluster).

    Stratified by label: among the groups of one label and source, the place is the rank of the hash, so that
    each side gets its share of every label, to within one group. The price is that new documents may move the
    few texts next to a border to the other side, where places of texts without labels never change.

    Labels of a source that are many different numbers are not stratified by: each stands on few texts, all of
    which would come to training.
    """
    numbers = numbers_of(documents["label"])
    measured = (numbers.is_not_null() | pl.col("label").is_null()).all().over("source") & (
        pl.col("label").n_unique().over("source") > MANY_NUMBERS
    )
    grouped = documents.select(
        "source", "text_hash", label=pl.when(~measured).then("label"), group=_groups(documents)
    )
    groups = grouped.group_by("group").agg(
        # Of several, any will do that does not depend on the order.
        pl.col("text_hash").min(),
        stratum=pl.format("{}:{}", "source", "label").min(),  # null without a label
    )
    groups = groups.sort("text_hash").with_columns(hash_number("text_hash").alias("number"))
    rank = (pl.col("number").rank("ordinal").over("stratum") - 0.5) / pl.len().over("stratum")
    groups = groups.with_columns(number=pl.Series(place(groups["number"].to_numpy())), rank=rank)
    places = groups.select(
        "group", place=pl.when(pl.col("stratum").is_null()).then("number").otherwise("rank")
    )
    return grouped.join(places, on="group", how="left", maintain_order="left")["place"].to_numpy()


def _groups(documents: pl.DataFrame) -> pl.Series:
    """A number for each document; equal for what equal texts and clusters connect."""
    text, cluster = (
        documents[name].rank("dense").fill_null(0).cast(pl.Int64).to_numpy()
        for name in ("text_hash", "cluster")
    )
    has = cluster > 0
    texts, size = text.max(initial=0), text.max(initial=0) + cluster.max(initial=0) + 1
    return pl.Series(connected(text[has], texts + cluster[has], size)[text])


def place(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """The first 8 bytes of hashes as numbers in [0, 1)."""
    # Of 64 bits a float holds 53; rounding up to 1 is what they must not.
    return (numbers >> np.uint64(11)) / 2.0**53


def side(places: npt.NDArray[np.float64], settings: SplitSettings) -> npt.NDArray[np.uint8]:
    """For places in 0..1 the place of test, validation or train in ``SPLITS``."""
    # SPLITS in the order of the places: what is lowest is for testing.
    order = np.array([SPLITS.index(name) for name in ("test", "validation", "train")], np.uint8)
    return order[np.searchsorted([settings.test, settings.test + settings.validation], places, "right")]
