"""A text that changes step by step and knows which part of the original each of its characters comes from."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from difflib import SequenceMatcher

Edit = tuple[int, int, str]
"""Begin and end of a stretch of text, and what stands there instead."""

ALIGNED = 2000
"""Characters up to which a stretch is compared with what it became: time grows with their square."""
AGREED = 8
"""Characters that two longer texts have in common where they agree again after a change ..."""
NEARBY = 32
"""... of at most so many characters."""


def apply(edits: Iterable[Edit], text: str) -> str:
    """The text with something else in the place of some stretches, which are in order and do not overlap."""
    pieces: list[str] = []
    last = 0
    for begin, end, new in edits:
        pieces += (text[last:begin], new)
        last = end
    return "".join([*pieces, text[last:]]) if pieces else text


class Edited:
    """A text and its origin."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._length = len(text)
        # Of each character its stretch of the original; None while nothing has changed.
        self._origins: list[tuple[int, int]] | None = None

    def origin(self, begin: int, end: int) -> tuple[int, int]:
        """Where ``text[begin:end]`` stands in the original, or the place of nothing."""
        if self._origins is None:
            return begin, end
        if begin < end:
            return self._origins[begin][0], self._origins[end - 1][1]
        place = self._origins[begin][0] if begin < len(self._origins) else self._length
        return place, place

    def place(self, begin: int, end: int) -> tuple[int, int]:
        """Where ``original[begin:end]`` stands in the text, the whole of what replaced a part of it included.

        An empty place where nothing of it is left.
        """
        if self._origins is None:
            return begin, end
        first = bisect_right(self._origins, begin, key=lambda origin: origin[1])
        last = bisect_left(self._origins, end, key=lambda origin: origin[0])
        return first, max(first, last)

    def edit(self, edits: Iterable[Edit]) -> None:
        """What :func:`apply` does."""
        found = list(edits)
        if not found:
            return
        before = self._origins
        if before is None:
            before = [(place, place + 1) for place in range(self._length)]
        origins: list[tuple[int, int]] = []
        last = 0
        for begin, end, new in found:
            origins += before[last:begin]
            origins += [self.origin(begin, end)] * len(new)
            last = end
        self._origins = origins + before[last:]
        self.text = apply(found, self.text)

    def replace(self, found: re.Pattern[str], new: str) -> None:
        """Put ``new`` in the place of all that an expression finds."""
        self.edit((m.start(), m.end(), new) for m in found.finditer(self.text) if m[0] != new)

    def convert(self, found: re.Pattern[str], convert: Callable[[str], str]) -> None:
        """Put what a function makes of it in the place of all that an expression finds."""
        self.edit(
            (m.start() + begin, m.start() + end, new)
            for m in found.finditer(self.text)
            for begin, end, new in differences(m[0], convert(m[0]))
        )

    def strip(self, characters: str) -> None:
        """Take such characters away at both ends."""
        begin = len(self.text) - len(self.text.lstrip(characters))
        end = max(len(self.text.rstrip(characters)), begin)
        self.edit((a, b, "") for a, b in ((0, begin), (end, len(self.text))) if a < b)


def differences(before: str, after: str) -> Iterator[Edit]:
    """What was changed in a text, in pieces as small as can be told."""
    if before == after:
        return
    if len(before) == len(after):
        for place, (old, new) in enumerate(zip(before, after, strict=True)):
            if old != new:
                yield place, place + 1, new
    elif max(len(before), len(after)) <= ALIGNED:
        for kind, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
            if kind != "equal":
                yield a, b, after[c:d]
    else:
        yield from _differences_of_long(before, after)


def _differences_of_long(before: str, after: str) -> Iterator[Edit]:
    """The same in time that grows with the length: after a change both go on at the nearest place where they
    agree, if there is one nearby."""
    old = new = 0
    while old < len(before) or new < len(after):
        if before[old : old + AGREED] == after[new : new + AGREED]:
            old, new = old + AGREED, new + AGREED
            continue
        while before[old : old + 1] == after[new : new + 1]:
            old, new = old + 1, new + 1
        again, there = _agreement(before, old, after, new)
        yield old, again, after[new:there]
        old, new = again, there


def _agreement(before: str, old: int, after: str, new: int) -> tuple[int, int]:
    """The nearest places behind ``old`` and ``new`` from which both texts are the same, or their ends."""
    for skipped in range(1, 2 * NEARBY + 1):
        least = max(skipped - min(NEARBY, len(after) - new), 0)
        most = min(skipped, NEARBY, len(before) - old)
        for gone in range(least, most + 1):
            again, there = old + gone, new + skipped - gone
            if before[again : again + AGREED] == after[there : there + AGREED]:
                return again, there
    return len(before), len(after)
