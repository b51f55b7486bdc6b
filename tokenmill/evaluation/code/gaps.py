"""Gaps in test programs: the rest of a line, the rest of a function, cut at places of chance."""

import ast
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tokenmill.evaluation.drawing import drawn

LEAST_CHARACTERS = 4
"""Of a line, without its indentation: ``else:`` is asked for, a bracket alone is not."""
FUNCTION_LINES = (4, 40)
"""Of a function, its head included."""
MOST_HIDDEN = 5
"""Lines of a function behind the first that a gap hides from a model that sees both its ends, at most."""


@dataclass(frozen=True)
class Gap:
    """A place in a document."""

    document: int
    text: str
    begin: int
    """Where the gap begins ..."""
    end: int
    """... and ends: in ``text``."""
    function: int | None = None
    """Where the function that it is in begins, with its indentation ..."""
    function_end: int | None = None
    """... and ends."""

    @property
    def before(self) -> str:
        """What stands before it."""
        return self.text[: self.begin]

    @property
    def missing(self) -> str:
        """What stands in it."""
        return self.text[self.begin : self.end]

    @property
    def after(self) -> str:
        """What stands behind it."""
        return self.text[self.end :]

    @property
    def head(self) -> str:
        """The function up to the gap."""
        return self.text[self.function : self.begin]

    @property
    def tail(self) -> str:
        """The function from the end of the gap on."""
        return self.text[self.end : self.function_end]

    @property
    def indentation(self) -> int:
        """Of the function."""
        return _indentation(self.head)


def group_numbers(gaps: Sequence[Gap], groups: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The group of each gap (gaps,), from those of documents (documents,), numbered from 0."""
    return np.unique(groups[[gap.document for gap in gaps]], return_inverse=True)[1].astype(np.int64)


def line_gaps(documents: pl.DataFrame, count: int, seed: int) -> list[Gap]:
    """The rest of lines of code, from behind their first character at the earliest.

    Lines of comments and docstrings are none; those of documents which are no Python may be.
    """
    places = [
        (number, begin, end)
        for number, text in enumerate(documents["text"])
        for begin, end in _code_lines(text)
    ]
    draw, texts = random.Random(f"lines {seed}"), documents["text"]
    return [
        Gap(number, texts[number], draw.randint(begin + 1, end - 1), end)
        for number, begin, end in (places[place] for place in drawn(len(places), count, seed))
    ]


def function_gaps(documents: pl.DataFrame, count: int, seed: int) -> list[Gap]:
    """The rest of a line in a function and up to MOST_HIDDEN lines behind it, of functions in Python."""
    draw, found = random.Random(f"functions {seed}"), list[Gap]()
    for number, text in enumerate(documents["text"]):
        lines = _starts(text)
        code = list(_code_lines(text))
        for first, last in _functions(text):
            begin, end = lines[first], lines[last + 1] - 1
            within = [(a, b) for a, b in code if lines[first + 1] <= a and b <= end]
            if not within:
                continue
            place = draw.randrange(len(within))
            line_begin, line_end = within[place]
            cut = draw.randint(line_begin + 1, line_end - 1)
            hidden = [line_end, *(b for _, b in within[place + 1 :])][: MOST_HIDDEN + 1]
            found.append(Gap(number, text, cut, draw.choice(hidden), begin, end))
    return [found[place] for place in drawn(len(found), count, seed)]


def _code_lines(text: str) -> Iterator[tuple[int, int]]:
    """Begin, behind the indentation, and end of each line of code."""
    prose, starts = _docstring_lines(text), _starts(text)
    for number, line in enumerate(text.split("\n")):
        begin, end = starts[number] + _indentation(line), starts[number] + len(line.rstrip())
        if end - begin >= LEAST_CHARACTERS and number not in prose and not line.lstrip().startswith("#"):
            yield begin, end


def _starts(text: str) -> list[int]:
    """Where each line begins, and one past the last line's end."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    return starts


def _indentation(text: str) -> int:
    line = text.partition("\n")[0]
    return len(line) - len(line.lstrip())


def parsed(text: str) -> ast.Module | None:
    """A program in Python; None where it is none."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _docstring_lines(text: str) -> set[int]:
    """Numbers, from 0, of lines that a string alone is the statement of."""
    tree = parsed(text)
    found: set[int] = set()
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found |= set(range(node.lineno - 1, (node.end_lineno or node.lineno)))
    return found


def _functions(text: str) -> Iterator[tuple[int, int]]:
    """First and last line, from 0, of each function that is neither too short nor too long."""
    tree, (least, most) = parsed(text), FUNCTION_LINES
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
            if least <= last - first + 1 <= most:
                yield first, last
