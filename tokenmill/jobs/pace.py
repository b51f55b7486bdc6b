"""How often long work says in a log how far it is."""

import time

LINE_SECONDS = 120.0
"""A person who looks at a log every few minutes finds a line that is new."""


class Pace:
    """Tells when another line is due: :data:`LINE_SECONDS` after the last one, or after the beginning."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def is_due(self) -> bool:
        """Whether it is time for a line."""
        return time.monotonic() - self._last >= LINE_SECONDS

    def note(self) -> None:
        """A line was written."""
        self._last = time.monotonic()
