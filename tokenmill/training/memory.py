"""The allocator's habits, for large tensors that come and go each step."""

import ctypes
import sys

# malloc.h
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> None:
    """Tell glibc to keep freed memory for the next allocation instead of returning it to the kernel.

    By default each tensor above 32 MiB is mapped anew and zeroed page by page by the kernel, step after step.
    The peak stays what it is; 3 to 7% of a step's time goes (docs/experiments.md). Elsewhere nothing happens.
    """
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(M_TOP_PAD, 1 << 26)
