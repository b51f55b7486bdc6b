"""How many threads compute."""

import os


def compute_threads(wanted: int) -> int:
    """``wanted``, or one for each core that this process may use: in a container not all that there are."""
    if wanted:
        return wanted
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def reproducible_products() -> None:
    """Have MKL add up matrix products in one order, whatever its threads do.

    In strict mode its conditional numerical reproducibility fixes cache sizes, reductions and the division of
    the work (oneMKL Developer Guide, "Obtaining Numerically Reproducible Results"); otherwise it promises no
    equal bits from one run to the next. docs/experiments.md has what it costs. MKL reads the variable at its
    first product, so this must come before any.
    """
    os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")
