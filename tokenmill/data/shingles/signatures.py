"""MinHash signatures: a few numbers for each text, from which the similarity of any two can be estimated.

Broder 1997: for a random order of all shingles, two texts have the same first shingle with a probability
equal to their Jaccard similarity. A signature holds the first one for each of many random orders; the share
of equal places is an estimate with a standard deviation of sqrt(J (1 - J) / SIZE), 0.04 at most here.
"""

from array import array

import numpy as np
import polars as pl
from rensa import RMinHash

from tokenmill.data.shingles.units import Hashes, Places, Units, shingles, units

SHINGLE = 5
"""Units in a shingle: datatrove's and FineWeb's choice for words, data-juicer's order for characters."""
SIZE = 112
"""Numbers in a signature: 14 bands of 8 rows, FineWeb's choice."""
SEED = 1
BATCH = 4096
"""Texts whose numbers stand in Python lists at a time."""


def whole(frame: pl.DataFrame) -> pl.Series:
    """What is compared of each document: its text, and its target where it has one."""
    return frame.select(
        whole=pl.when(pl.col("target").is_null())
        .then(pl.col("text"))
        .otherwise(pl.format("{}\n{}", "text", "target"))
    ).to_series()


def signatures(found: Units) -> pl.Series:
    """The signature of each text whose units were found: Array(UInt32, SIZE), named ``signature``.

    Of documents it is ``signatures(units(whole(frame)))``.

    Null for texts of fewer than SHINGLE units, which have no shingle; only exact copies of them are found.
    The hash functions are rensa's, for a seed that never changes (a test pins the numbers).
    """
    hashes, offsets, _ = shingles(found, SHINGLE)
    (some,) = np.nonzero(np.diff(offsets))
    bounds = np.append(offsets[some], len(hashes))
    numbers = array("I")  # takes Python's numbers in at twice the speed of numpy
    for first in range(0, len(some), BATCH):
        own = bounds[first : first + BATCH + 1]
        batch = hashes[own[0] : own[-1]], (own - own[0]).astype(np.uint64)
        for row in RMinHash.digest_matrix_from_flat_token_hashes(*batch, SIZE, SEED).to_rows():
            numbers.fromlist(row)
    matrix = np.frombuffer(numbers, np.uint32).reshape(-1, SIZE)
    place = np.full(len(offsets) - 1, -1)
    place[some] = np.arange(len(some))
    signed = pl.Series("signature", matrix, dtype=pl.Array(pl.UInt32, SIZE))
    return signed.gather(pl.Series(place).replace(-1, None))


def shingle_sets(texts: pl.Series) -> tuple[Hashes, Places]:
    """The distinct shingles of each text, sorted: hashes, and offsets as in
    :class:`tokenmill.data.shingles.units.Units`."""
    hashes, offsets, _ = shingles(units(texts), SHINGLE)
    owner = np.repeat(np.arange(len(texts)), np.diff(offsets))
    order = np.lexsort((hashes, owner))
    hashes, owner = hashes[order], owner[order]
    new = np.ones(len(hashes), np.bool_)
    new[1:] = (hashes[1:] != hashes[:-1]) | (owner[1:] != owner[:-1])
    return hashes[new], np.searchsorted(owner[new], np.arange(len(texts) + 1))
