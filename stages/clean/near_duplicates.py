"""Documents that differ in little from one that is kept.

Candidates come from signatures (see :mod:`stages.clean.candidates`); what decides is the true Jaccard
similarity of their sets of five-unit shingles. A document goes only if it is similar enough to one that is
kept: of a chain a ~ b ~ c whose ends differ, the best and whatever is not like it stay.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from stages.clean.candidates import Numbers, candidates
from stages.clean.scratch import Scratch, scratch_file
from stages.clean.texts import Rows
from stages.data_settings import NearDuplicateSettings
from stages.measure.signatures import shingle_sets, whole

if TYPE_CHECKING:
    import polars as pl

BLOCK_BYTES = 16 << 20
"""Text whose shingles are in memory at a time."""
PORTION = 1 << 22
"""Shingles of pairs that are compared at a time."""


def near_duplicates(keys: "pl.DataFrame", measured: Path, settings: NearDuplicateSettings) -> "pl.DataFrame":
    """Which documents are near-duplicates of which.

    ``keys`` has a row for each document that passed the rules before (columns id, part, row, label,
    characters, bytes, target_bytes). Of documents that are alike the best is kept: one with a label rather
    than one without, then the longest, then the first by id. Documents with different labels are no copies of
    each other, however alike: a single word may turn a review round. Both stay, in one cluster.

    Returns:
        A row for each document of a cluster, sorted by id: id; kept_id, of the document that it is a copy of,
        or its own if it stays; similarity to that one (Float64); cluster, the id of the cluster's best. A
        cluster is what chains of similar documents connect; the split keeps it on one side.
    """
    import polars as pl

    best = keys.select("id", "characters", unlabelled=pl.col("label").is_null()).with_row_index("number")
    order = best.sort("unlabelled", "characters", "id", descending=[False, True, False])["number"].to_numpy()
    documents = Rows.of(keys, measured)
    pairs = candidates(documents, order, settings.bands)
    size = (keys["bytes"] + keys["target_bytes"].fill_null(0)).to_numpy()[order]
    with scratch_file() as scratch:
        spans = _write_sets(documents, order[np.unique(pairs)], scratch)
        blocks = [(block, _similarities(scratch, spans, order[block])) for block in _blocks(pairs, size)]
    pairs = np.concatenate([pairs[:0], *(block for block, _ in blocks)])
    similarity = np.concatenate([np.zeros(0), *(values for _, values in blocks)])
    alike = similarity >= settings.similarity
    labels = keys["label"].rank("dense").fill_null(0).to_numpy()[order]
    return _decided(pairs[alike], similarity[alike], labels, keys["id"].gather(order))


def _decided(
    pairs: Numbers, similarity: npt.NDArray[np.float64], labels: npt.NDArray[np.integer], ids: "pl.Series"
) -> "pl.DataFrame":
    """The table for pairs that are alike; documents are numbered from best to worst."""
    import polars as pl

    members, edges = np.unique(pairs, return_inverse=True)
    edges = edges.reshape(-1, 2)
    kept, similar = np.arange(len(members)), np.ones(len(members))
    # By the worse one of a pair, and for each the most similar first: whatever may be kept is decided before.
    by_worse = np.lexsort((edges[:, 0], -similarity, edges[:, 1]))
    for (better, worse), value in zip(edges[by_worse].tolist(), similarity[by_worse].tolist(), strict=True):
        free = kept[worse] == worse and kept[better] == better
        one, other = labels[members[better]], labels[members[worse]]
        if free and (one == other or not one or not other):
            kept[worse], similar[worse] = better, value
    ids = ids.gather(members)
    table = {
        "id": ids,
        "kept_id": ids.gather(kept),
        "similarity": similar,
        "cluster": ids.gather(_roots(edges, len(members))),
    }
    return pl.DataFrame(table).sort("id")


def _roots(edges: Numbers, size: int) -> Numbers:
    """For each of ``size`` documents the first one that it is connected with."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(edges), np.bool_), (edges[:, 0], edges[:, 1])), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    _, first = np.unique(component, return_index=True)
    return first[component]


def _blocks(pairs: Numbers, size: Numbers) -> Iterator[Numbers]:
    """The pairs in portions whose documents have about BLOCK_BYTES of text, neighbours together."""
    root = _roots(pairs, len(size))
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0], root[pairs[:, 0]]))] if len(pairs) else pairs
    seen, first = np.unique(pairs, return_index=True)
    new = np.bincount(first // 2, weights=size[seen], minlength=len(pairs))
    block = (np.cumsum(new) // BLOCK_BYTES).astype(np.int64)
    return iter(np.split(pairs, np.flatnonzero(np.diff(block)) + 1) if len(pairs) else [])


def _write_sets(documents: Rows, numbers: Numbers, scratch: Scratch) -> Numbers:
    """Write the shingle sets of documents in one pass over the texts: those of a block stand anywhere.

    Returns:
        (all documents, 2) place and size of each set; zero for documents that are not in ``numbers``.
    """
    spans, done = np.zeros((len(documents.part), 2), np.int64), 0
    for found, frame in documents.read(["text", "target"], np.sort(numbers)):
        hashes, offsets = shingle_sets(whole(frame))
        scratch.write(hashes, done)
        spans[found] = np.stack((done + offsets[:-1], np.diff(offsets)), axis=1)
        done += len(hashes)
    return spans


def _similarities(scratch: Scratch, spans: Numbers, pairs: Numbers) -> npt.NDArray[np.float64]:
    """The Jaccard similarity of the shingle sets of each pair of numbers of documents."""
    from scipy.sparse import csr_array

    members, edges = np.unique(pairs, return_inverse=True)
    edges = edges.reshape(-1, 2)
    sizes = spans[members, 1]
    _, columns = np.unique(scratch.read(spans[members].tolist()), return_inverse=True)
    shape = (len(members), int(columns.max(initial=0)) + 1)
    table = csr_array((np.ones(len(columns), np.int64), columns, np.append(0, np.cumsum(sizes))), shape)
    portion = np.cumsum(sizes[edges[:, 0]]) // PORTION
    portions = np.split(edges, np.flatnonzero(np.diff(portion)) + 1)
    common = np.concatenate([table[some[:, 0]].multiply(table[some[:, 1]]).sum(axis=1) for some in portions])
    return common / (sizes[edges].sum(axis=1) - common)
