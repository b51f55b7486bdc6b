"""Train, validation and test by content."""

from typing import TYPE_CHECKING

from stages.data_settings import SplitSettings

if TYPE_CHECKING:
    import polars as pl


def assign_splits(
    documents: "pl.DataFrame", clusters: "pl.DataFrame", settings: SplitSettings
) -> "pl.DataFrame":
    """``documents`` (id, source, label, text_hash, ...) with a column ``split``.

    Documents of one group come to one side: those of equal text, in whichever sources they stand, and those
    of one cluster of near-duplicates (``clusters``: id, cluster). A group's place is a number in 0..1 that
    follows from its texts alone; the lowest share is for testing, so another validation share leaves the test
    set as it is.

    Stratified by label: among the groups of one label and source, the place is the rank of the hash, so that
    each side gets its share of every label, to within one group. The price is that new documents may move the
    few texts next to a border to the other side, where places of texts without labels never change.
    """
    import polars as pl

    grouped = documents.select("source", "label", "text_hash", _groups(documents, clusters))
    groups = grouped.group_by("group").agg(
        # Of several, any will do that does not depend on the order.
        pl.col("text_hash").min(),
        stratum=pl.format("{}:{}", "source", "label").min(),  # null without a label
    )
    number = place(pl.col("text_hash"))
    rank = (number.rank("ordinal").over("stratum") - 0.5) / pl.len().over("stratum")
    groups = groups.sort("text_hash").with_columns(
        place=pl.when(pl.col("stratum").is_null()).then(number).otherwise(rank)
    )
    sides = groups.select("group", split=side(pl.col("place"), settings))
    splits = grouped.select("group").join(sides, on="group", how="left", maintain_order="left")
    return documents.with_columns(splits["split"])


def _groups(documents: "pl.DataFrame", clusters: "pl.DataFrame") -> "pl.Series":
    """A number for each document; equal for what equal texts and clusters connect."""
    import numpy as np
    import polars as pl
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    linked = documents.select("id", "text_hash").join(
        clusters.select("id", "cluster"), on="id", how="left", maintain_order="left"
    )
    text, cluster = (
        linked[name].rank("dense").fill_null(0).cast(pl.Int64).to_numpy() for name in ("text_hash", "cluster")
    )
    has = cluster > 0
    texts, size = text.max(initial=0), text.max(initial=0) + cluster.max(initial=0) + 1
    edges = (text[has], texts + cluster[has])
    graph = coo_array((np.ones(int(has.sum()), np.bool_), edges), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    return pl.Series("group", component[text])


def place(text_hash: "pl.Expr") -> "pl.Expr":
    """The first 8 bytes of a hash as a number in [0, 1)."""
    import polars as pl

    number = text_hash.bin.slice(0, 8).bin.reinterpret(dtype=pl.UInt64, endianness="big")
    # Of 64 bits a float holds 53; rounding up to 1 is what they must not.
    return (number // 2**11).cast(pl.Float64) / 2**53


def side(place: "pl.Expr", settings: SplitSettings) -> "pl.Expr":
    """``test``, ``validation`` or ``train`` for a place in 0..1."""
    import polars as pl

    return (
        pl.when(place < settings.test)
        .then(pl.lit("test"))
        .when(place < settings.test + settings.validation)
        .then(pl.lit("validation"))
        .otherwise(pl.lit("train"))
    )
