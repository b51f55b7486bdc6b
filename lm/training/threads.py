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
