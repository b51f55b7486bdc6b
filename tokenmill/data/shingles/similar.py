"""Texts that are alike, by the true similarity of their shingles: of few texts with many."""

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from tokenmill.data.shingles.signatures import shingle_sets

BLOCK = 1 << 12
"""Texts whose shingles are in memory at a time, beside those of the few."""


def similar_texts(few: pl.Series, many: pl.Series, least: float) -> pl.DataFrame:
    """Pairs of texts whose sets of five-unit shingles have a Jaccard similarity of ``least`` and more.

    Returns:
        few, other (places in the two series), similarity. Texts of fewer than five units are in no pair.
    """
    hashes, offsets = shingle_sets(few)
    known, columns = np.unique(hashes, return_inverse=True)
    table = _table(columns, offsets, len(known))
    schema = pl.Schema({"few": pl.Int64, "other": pl.Int64, "similarity": pl.Float64})
    parts = [pl.DataFrame(schema=schema)]
    for begin in range(0, len(many), BLOCK):
        others, other_offsets = shingle_sets(many[begin : begin + BLOCK])
        places = np.searchsorted(known, others).clip(max=max(len(known) - 1, 0))
        shared = known[places] == others if len(known) else np.zeros(len(others), np.bool_)
        kept = np.concatenate(([0], np.cumsum(shared)))[other_offsets]
        common = (table @ _table(places[shared], kept, len(known)).T).tocoo()
        sizes = np.diff(offsets)[common.row] + np.diff(other_offsets)[common.col]
        similarity = common.data / (sizes - common.data)
        alike = similarity >= least
        found = (common.row[alike], common.col[alike] + begin, similarity[alike])
        parts.append(pl.DataFrame(dict(zip(schema, found, strict=True))).cast(schema))
    return pl.concat(parts).sort("few", "other")


def _table(columns: np.ndarray, offsets: np.ndarray, width: int) -> csr_array:
    """A row for each text, with ones at its shingles."""
    return csr_array((np.ones(len(columns), np.int64), columns, offsets), (len(offsets) - 1, max(width, 1)))
