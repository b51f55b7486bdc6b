"""What comparing documents with each other found, for the report: clusters, overlaps and passages."""

from typing import Any

import polars as pl

from tokenmill.data.clean.corpus import Corpus
from tokenmill.data.clean.decide import Decisions

SHOWN = 6
"""Clusters, and overlaps, that the report shows."""
MEMBERS = 4
"""Documents shown of a cluster."""
CHARACTERS = 160
"""Shown of each."""
PASSAGES = 3
PASSAGE_CHARACTERS = 280
SIZES = (2, 3, 5, 10, 100, 1000)
"""Lower ends of the bins of cluster sizes."""


def clusters_of(decisions: Decisions) -> dict[str, Any]:
    """Counts of clusters and of the documents in them, sizes, and examples: the largest ones, with texts."""
    clusters = decisions.clusters
    sizes = clusters.group_by("cluster").agg(pl.len(), kept_id=pl.col("kept_id").min())
    at_least = [int((sizes["len"] >= edge).sum()) for edge in SIZES]
    largest = sizes.sort("len", "kept_id", descending=[True, False]).head(SHOWN)
    examples = []
    for cluster, size, kept_id in largest.iter_rows():
        members = clusters.filter(pl.col("cluster") == cluster)
        # The kept one, then those that differ most.
        members = members.sort(pl.col("id") != kept_id, "similarity", "id").head(MEMBERS)
        found = _texts(decisions.corpus, members)
        examples.append({"size": size, "members": found})
    return {
        "clusters": sizes.height,
        "documents": clusters.height,
        "sizes": {
            str(edge): more - fewer
            for edge, more, fewer in zip(SIZES, at_least, [*at_least[1:], 0], strict=True)
        },
        "examples": examples,
    }


def _texts(corpus: Corpus, members: pl.DataFrame) -> list[dict[str, Any]]:
    texts = corpus.table(["text"], members["number"].sort().to_numpy())
    rows = members.join(texts, on="number", maintain_order="left")
    shown = rows.select("id", pl.col("text").str.slice(0, CHARACTERS), pl.col("similarity").round(3))
    return shown.to_dicts()


def overlaps_of(decisions: Decisions) -> dict[str, Any]:
    """How many training documents overlapped with held-out ones, by source, and the largest overlaps."""
    overlaps = decisions.overlaps
    # An id begins with its source.
    sources = overlaps["found_in"].str.split(":").list.first().value_counts()
    largest = overlaps.sort("share", "id", descending=[True, False]).head(SHOWN)
    return {
        "documents": overlaps.height,
        "found_in": dict(sources.sort("found_in").iter_rows()),
        "examples": largest.select(
            "id", pl.col("share").round(3), pl.col("span").str.slice(0, CHARACTERS), "found_in"
        ).to_dicts(),
    }


def passages_of(decisions: Decisions) -> dict[str, Any]:
    """Documents that lost passages, how many characters, and the longest passages."""
    passages = decisions.shortened.select("id", passage="removed").explode("passage")
    passages = passages.with_columns(characters=pl.col("passage").str.len_chars())
    longest = passages.sort("characters", "id", "passage", descending=[True, False, False]).head(PASSAGES)
    shown = longest.with_columns(pl.col("passage").str.slice(0, PASSAGE_CHARACTERS))
    return {
        "documents": decisions.shortened.height,
        "characters": int(passages["characters"].sum()),
        "examples": shown.to_dicts(),
    }
