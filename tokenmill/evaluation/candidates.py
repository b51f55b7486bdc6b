"""Answers without a model: of the candidates in a passage the most frequent, or the one whose surroundings
share most with the question (the sliding window of Richardson et al. 2013, MCTest).

Candidates are what training questions had as answers, the longest first, and of what lies between these the
words and the runs of characters without stop characters. What stands in the question is none.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import regex

from tokenmill.text.characters import UNSPACED

WORD = regex.compile(rf"[{UNSPACED}]|[[\p{{L}}\p{{M}}\p{{N}}]--[{UNSPACED}]]+", regex.V1)
"""A character of a script without spaces, or a word."""
STOP = "的了是在和与及或等也都就而为以于之其这那不有个对中上下到从被将把向我你他她它们"
"""Characters that are seldom a part of an answer."""
RUN = regex.compile(rf"[[{UNSPACED}]--[{STOP}]]{{2,8}}|[[\p{{L}}\p{{M}}\p{{N}}]--[{UNSPACED}]]+", regex.V1)
"""What may be an answer though none was seen."""
LONGEST = 20
"""Characters of an answer that is looked for."""

Places = dict[str, list[tuple[int, int]]]


def candidates(passage: str, question: str, known: Collection[str]) -> Places:
    """The candidates of a passage, in order, and where each stands; ``known`` are answers of training."""
    found: Places = {}
    for begin, end in _places(passage, known):
        text = passage[begin:end]
        if text not in question:
            found.setdefault(text, []).append((begin, end))
    return found


def _places(passage: str, known: Collection[str]) -> Iterator[tuple[int, int]]:
    words = [match.span() for match in WORD.finditer(passage)]
    begins, ends = {begin for begin, _ in words}, {end for _, end in words}
    begin = rest = 0
    while begin < len(passage):
        longest = range(min(begin + LONGEST, len(passage)), begin, -1) if begin in begins else range(0)
        end = next((end for end in longest if end in ends and passage[begin:end] in known), None)
        if end is None:
            begin += 1
            continue
        yield from _runs(passage, rest, begin)
        yield begin, end
        rest = begin = end
    yield from _runs(passage, rest, len(passage))


def _runs(passage: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    for match in RUN.finditer(passage, begin, end):
        yield match.span()


def most_frequent(found: Places) -> tuple[int, int] | None:
    """The first place of the candidate that stands most often, of several the first; None without any."""
    return max(found.values(), key=len)[0] if found else None


def sliding_window(found: Places, passage: str, question: str) -> tuple[int, int] | None:
    """The first place of the candidate whose window agrees most with the question; None without any.

    With the question's words and the candidate's as a set, a window as long as the set moves over the
    passage; its value is the sum of ``log(1 + 1 / count)`` of the words in it that are in the set, and the
    candidate's that of the best window (Richardson et al. 2013, algorithm 1).
    """
    words = [match[0].lower() for match in WORD.finditer(passage)]
    if not found or not words:
        return most_frequent(found)
    counts = Counter(words)
    weights = np.log1p([1 / counts[word] for word in words])
    asked = {match[0].lower() for match in WORD.finditer(question)}

    def value(candidate: str) -> float:
        wanted = asked | {match[0].lower() for match in WORD.finditer(candidate)}
        return _best_window(words, weights, wanted)

    return found[max(found, key=value)][0]


def _best_window(words: Sequence[str], weights: npt.NDArray[np.float64], wanted: set[str]) -> float:
    inside = weights * np.array([word in wanted for word in words])
    sums = np.concatenate(([0.0], np.cumsum(inside)))
    size = min(len(wanted), len(words))
    return float((sums[size:] - sums[:-size]).max())
