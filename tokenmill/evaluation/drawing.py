"""Some of many, by chance."""

import random


def drawn(total: int, count: int | None, seed: int) -> list[int]:
    """Places of ``count`` of ``total`` in their order; all of them where there are no more, or of null."""
    if count is None or count >= total:
        return list(range(total))
    return sorted(random.Random(seed).sample(range(total), count))
