"""How much main memory there is."""

from pathlib import Path

import psutil


def free_memory() -> int:
    """Bytes that processes on this machine, or in this container, may still take."""
    free = psutil.virtual_memory().available
    limit, used = (Path("/sys/fs/cgroup") / name for name in ("memory.max", "memory.current"))
    if limit.is_file() and (most := limit.read_text().strip()) != "max":  # a container's
        free = min(free, int(most) - int(used.read_text()))
    return max(0, free)
