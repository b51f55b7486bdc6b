"""Documents that differ in little from one that is kept.

Candidates come from signatures (see :mod:`tokenmill.data.clean.candidates`); what decides is the true Jaccard
similarity of their sets of five-unit shingles. A document goes only if it is similar enough to one that is
kept: of a chain a ~ b ~ c whose ends differ, the best and whatever is not like it stay.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csr_array

from tokenmill.data.clean.candidates import candidates
from tokenmill.data.clean.components import connected
from tokenmill.data.clean.corpus import Corpus, Numbers
from tokenmill.data.clean.equal_texts import HELD_OUT_FIRST
from tokenmill.data.clean.scratch import Scratch, scratch_file
from tokenmill.data.clean.settings import NearDuplicateSettings
from tokenmill.data.shingles.signatures import shingle_sets, whole

BLOCK_BYTES = 16 << 20
"""Text whose shingles are in memory at a time."""
PORTION = 1 << 22
"""Shingles of pairs that are compared at a time."""


def near_duplicates(corpus: Corpus, passed: Numbers, settings: NearDuplicateSettings) -> pl.DataFrame:
    """Which of the documents ``passed`` are near-duplicates of which.

    Of documents that are alike the best is kept: one that is held out by its fold, then one with a label
    rather than one without, then the longest, then the first by id. Documents with different labels are no
    copies of each other, however alike: a single word may turn a review round. Both stay, in one cluster.

    Returns:
        A row for each document of a cluster, sorted by id: number; id; kept_id, of the document that it is a
        copy of, or its own if it stays; similarity to that one (Float64); cluster, the id of the cluster's
        best. A cluster is what chains of similar documents connect; the split keeps it on one side.
    """

    def best_first(numbers: Numbers) -> Numbers:
        best = corpus.table(("id", "characters", "label", "fold"), numbers)
        unlabelled = pl.col("label").is_null()
        best = best.select("number", "id", "characters", held_out=HELD_OUT_FIRST, unlabelled=unlabelled)
        best = best.sort("held_out", "unlabelled", "characters", "id", descending=[False, False, True, False])
        return best["number"].to_numpy()

    order, pairs = candidates(corpus, passed, settings.bands, best_first)
    with scratch_file() as scratch:
        spans, size = _write_sets(corpus, order, scratch)
        blocks = [(block, _similarities(scratch, spans, block)) for block in _blocks(pairs, size)]
    pairs = np.concatenate([pairs[:0], *(block for block, _ in blocks)])
    similarity = np.concatenate([np.zeros(0), *(values for _, values in blocks)])
    alike = similarity >= settings.similarity
    members, edges = np.unique(pairs[alike], return_inverse=True)
    return _decided(corpus, order[members], edges.reshape(-1, 2), similarity[alike])


def _decided(
    corpus: Corpus, members: Numbers, edges: Numbers, similarity: npt.NDArray[np.float64]
) -> pl.DataFrame:
    """The table for ``members``, from best to worst, of which pairs of places ``edges`` are alike."""
    by_number = np.argsort(members)
    table = corpus.table(("id", "label"), members[by_number])[np.argsort(by_number)]
    labels = table["label"].rank("dense").fill_null(0).to_numpy()
    kept, similar = np.arange(len(members)), np.ones(len(members))
    # By the worse one of a pair, and for each the most similar first: whatever may be kept is decided before.
    by_worse = np.lexsort((edges[:, 0], -similarity, edges[:, 1]))
    for (better, worse), value in zip(edges[by_worse].tolist(), similarity[by_worse].tolist(), strict=True):
        free = kept[worse] == worse and kept[better] == better
        one, other = labels[better], labels[worse]
        if free and (one == other or not one or not other):
            kept[worse], similar[worse] = better, value
    ids = table["id"]
    found = {
        "number": table["number"],
        "id": ids,
        "kept_id": ids.gather(kept),
        "similarity": similar,
        "cluster": ids.gather(connected(edges[:, 0], edges[:, 1], len(members))),
    }
    return pl.DataFrame(found).sort("id")


def _blocks(pairs: Numbers, size: Numbers) -> Iterator[Numbers]:
    """The pairs in portions whose documents have about BLOCK_BYTES of text, neighbours together.

    ``size``: bytes of the documents that pairs name by place.
    """
    root = connected(pairs[:, 0], pairs[:, 1], len(size))
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0], root[pairs[:, 0]]))] if len(pairs) else pairs
    seen, first = np.unique(pairs, return_index=True)
    new = np.bincount(first // 2, weights=size[seen], minlength=len(pairs))
    block = (np.cumsum(new) // BLOCK_BYTES).astype(np.int64)
    return iter(np.split(pairs, np.flatnonzero(np.diff(block)) + 1) if len(pairs) else [])


def _write_sets(corpus: Corpus, order: Numbers, scratch: Scratch) -> tuple[Numbers, Numbers]:
    """Write the shingle sets of documents in one pass over the texts: those of a block stand anywhere.

    Returns:
        In the order of ``order``: (documents, 2) place and size of each set, and the bytes of each document.
    """
    spans, size = np.zeros((len(order), 2), np.int64), np.zeros(len(order), np.int64)
    by_number = np.argsort(order)
    done = read = 0
    for numbers, frame in corpus.read(["text", "target"], order[by_number]):
        texts = whole(frame)
        hashes, offsets = shingle_sets(texts)
        scratch.write(hashes, done)
        places = by_number[read : read + len(numbers)]
        spans[places] = np.stack((done + offsets[:-1], np.diff(offsets)), axis=1)
        size[places] = texts.str.len_bytes().to_numpy()
        done += len(hashes)
        read += len(numbers)
    return spans, size


def _similarities(scratch: Scratch, spans: Numbers, pairs: Numbers) -> npt.NDArray[np.float64]:
    """The Jaccard similarity of the shingle sets of each pair of places in ``spans``."""
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
