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
    """Have matrix products add up in one order, whatever threads or streams do; must come before any product.

    In strict mode MKL's conditional numerical reproducibility fixes cache sizes, reductions and the division
    of the work (oneMKL Developer Guide, "Obtaining Numerically Reproducible Results"); otherwise it promises
    no equal bits from one run to the next. docs/experiments.md has what it costs. On GPUs torch's
    deterministic algorithms refuse to call cuBLAS without a workspace of fixed size (cuBLAS, "Results
    Reproducibility").
    """
    os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
