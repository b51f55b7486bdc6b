"""Pairs of documents that may be alike, by locality-sensitive hashing of their signatures.

A signature of 112 numbers is cut into bands; documents that agree in a whole band are candidates (Leskovec,
Rajaraman & Ullman, Mining of Massive Datasets, 3.4). A pair of Jaccard similarity s becomes one with a
probability of 1 - (1 - s^rows)^bands:

    s         0.3   0.4   0.5   0.6   0.7   0.75  0.8   0.85  0.9    0.95
    7 x 16    0.00  0.00  0.00  0.00  0.02  0.07  0.18  0.42  0.76   0.980
    14 x 8    0.00  0.01  0.05  0.21  0.56  0.77  0.92  0.99  0.999  1.000
    28 x 4    0.20  0.52  0.84  0.98  1.00  1.00  1.00  1.00  1.000  1.000
"""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from tokenmill.data.clean.corpus import Corpus, Numbers, repeated
from tokenmill.data.clean.scratch import Scratch, scratch_file
from tokenmill.data.shingles.signatures import SIZE
from tokenmill.data.shingles.units import Hashes, scramble

FIRST = 16
"""In a large bucket a document is paired with this many of its best members only, or the pairs of n copies
would be n^2. It is them that are kept, so copies are found all the same."""
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


def candidates(
    corpus: Corpus, passed: Numbers, bands: int, best_first: Callable[[Numbers], Numbers]
) -> tuple[Numbers, Numbers]:
    """Which of the documents ``passed`` agree in one of ``bands`` bands.

    ``best_first`` puts documents in the order from best to worst. Memory holds 16 bytes for each document
    besides what is found; all bands wait in a file.

    Returns:
        The documents that agree with any other, from best to worst, and distinct pairs (pairs, 2) of places
        in that order, sorted, the better one first.
    """
    found = np.zeros(0, np.uint64)
    with scratch_file() as scratch:
        signed = passed[_write_buckets(corpus, passed, bands, scratch)]
        shared = np.zeros(len(signed), np.bool_)
        for band in range(bands):
            shared |= repeated(scratch.read([(band * len(passed), len(signed))]))
        order = best_first(signed[shared])
        members = np.argsort(order)
        for band in range(bands):
            buckets = scratch.read([(band * len(passed), len(signed))])[shared]
            found = np.unique(np.concatenate((found, *_pairs(members, buckets))))
    pairs = np.stack((found >> np.uint64(32), found & np.uint64(0xFFFFFFFF)), axis=1).astype(np.int64)
    return order, pairs


def _write_buckets(corpus: Corpus, passed: Numbers, bands: int, scratch: Scratch) -> npt.NDArray[np.bool_]:
    """Which documents have a signature; their buckets of each band stand in ``scratch``, band after band."""
    signed, done, rows = [np.zeros(0, np.bool_)], 0, SIZE // bands
    for _, frame in corpus.read(["signature"], passed):
        signature = frame["signature"]
        signed.append(signature.is_not_null().to_numpy())
        matrix = signature.drop_nulls().to_numpy()
        for band in range(bands):
            own = _bucket(matrix[:, band * rows : (band + 1) * rows])
            scratch.write(own, band * len(passed) + done)
        done += len(matrix)
    return np.concatenate(signed)


def _bucket(rows: npt.NDArray[np.uint32]) -> Hashes:
    """One 64-bit number for each row of numbers; two different rows share it once in 10^19."""
    mixed = np.zeros(len(rows), np.uint64)
    for column in rows.T:
        mixed = scramble(mixed * _FACTOR + column)
    return mixed


def _pairs(members: Numbers, buckets: npt.NDArray[np.uint64]) -> Iterator[npt.NDArray[np.uint64]]:
    """In each bucket the pairs of a member with the FIRST best before it, as ``better * 2^32 + worse``."""
    order = np.lexsort((members, buckets))
    members, buckets = members[order], buckets[order]
    with_next = np.append(buckets[1:] == buckets[:-1], False)[: len(buckets)]
    shared = with_next | np.append(False, with_next)[: len(buckets)]
    members, buckets = members[shared], buckets[shared]  # most are alone in theirs
    new = np.ones(len(buckets), np.bool_)
    new[1:] = buckets[1:] != buckets[:-1]
    starts = np.flatnonzero(new)
    begin = np.repeat(starts, np.diff(np.append(starts, len(buckets))))
    behind = np.arange(len(buckets)) - begin
    for rank in range(min(FIRST, int(behind.max(initial=0)))):
        later = np.flatnonzero(behind > rank)
        yield (members[begin[later] + rank].astype(np.uint64) << np.uint64(32)) | members[later].astype(
            np.uint64
        )
