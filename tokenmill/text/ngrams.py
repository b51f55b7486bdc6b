"""Character n-grams of a text, hashed into buckets: the features of a linear classifier."""

import numpy as np
import numpy.typing as npt

BUCKETS = 2**20
"""N-grams share a bucket where their hashes agree (Weinberger et al. 2009). docs/experiments.md has the price
of fewer."""

MOST_WEIGHTS, FEWEST_ROWS = 2**26, 2**16
"""A table of weights by bucket and label holds so many at most, 256 MiB, and with its gradient and the
optimizer's moments four times that. Up to 64 labels all buckets have rows of their own. A quarter of the rows
costs 0.3 points of accuracy, a sixteenth 1.5 (docs/experiments.md, "N-grams beside the trunk")."""


def table_rows(labels: int) -> int:
    """Rows, a power of two, of the table of so many labels: buckets that agree modulo it share one."""
    return max(FEWEST_ROWS, min(BUCKETS, 2 ** (MOST_WEIGHTS // labels).bit_length() // 2))


# Factors of MurmurHash3's last step, and an odd number to begin with.
_MULTIPLY, _MIX = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_SHIFT = np.uint64(33)


def ngram_buckets(text: str, longest: int) -> npt.NDArray[np.int64]:
    """Buckets of the runs of 1 to ``longest`` characters that a text in lower case has, ascending.

    A run counts once however often it occurs: whether it is there says more of a text's sentiment than
    how often (Pang et al. 2002, Wang & Manning 2012; docs/experiments.md). The text's two ends count
    as a character, so that none is without n-grams. The same numbers come out on every machine.
    """
    characters = np.frombuffer(text.lower().encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    characters = np.concatenate(([np.uint64(0)], characters, [np.uint64(0)]))
    found = []
    for order in range(1, min(longest, len(characters)) + 1):
        runs = len(characters) - order + 1
        hashed = np.full(runs, order, np.uint64)
        for place in range(order):
            hashed = (hashed ^ characters[place : place + runs]) * _MULTIPLY  # modulo 2**64
            hashed ^= hashed >> _SHIFT
        hashed *= _MIX
        found.append((hashed ^ (hashed >> _SHIFT)) % np.uint64(BUCKETS))
    return np.unique(np.concatenate(found)).astype(np.int64)
