"""Answers without a model: the most frequent candidate of a passage, and the one whose surroundings are most
like the question.

Candidates are what training questions had as answers, the longest first, and of what lies between these the
words and the runs of characters without stop characters. What stands in the question is none.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from itertools import accumulate, takewhile
from math import log1p

import regex

from tokenmill.data.documents.questions import GAP
from tokenmill.text.unspaced import UNSPACED

WORD = regex.compile(rf"[{UNSPACED}]|[[\p{{L}}\p{{M}}\p{{N}}]--[{UNSPACED}]]+", regex.V1)
"""A character of a script without spaces, or a word."""
STOP = "的了是在和与及或等也都就而为以之其这那不有从被将把向我你他她它们"
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


def most_alike(found: Places, passage: str, question: str) -> tuple[int, int] | None:
    """The place of the candidate whose surroundings are most like the question; None without any.

    Of a question with a gap: as many characters beside a candidate as equal those beside the gap, outwards up
    to the first that differs. Of any other the sum of ``log(1 + 1 / count)``, the count being that in the
    passage, of its words in a window around the candidate that has as many words as the question (after the
    sliding window of Richardson et al. 2013, in which the candidate's own words count, too: among candidates
    of unequal length that is for the longest). Of several, the one that stands most often.
    """
    before, gap, behind = question.partition(GAP)
    window = _window(passage, question)

    def alike(begin: int, end: int) -> float:
        if not gap:
            return window(begin, end)
        left = _equal(reversed(passage[:begin]), reversed(before))
        return left + _equal(iter(passage[end : end + len(behind)]), iter(behind))

    ranked = [
        (alike(*place), len(of_candidate), -place[0], place)
        for of_candidate in found.values()
        for place in of_candidate
    ]
    return max(ranked)[3] if ranked else None


def _equal(one: Iterator[str], other: Iterator[str]) -> int:
    """How many characters are equal before the first that differs."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _window(passage: str, question: str) -> Callable[[int, int], float]:
    """What the question's words beside a part of the passage are worth."""
    words = [(match[0].lower(), match.start()) for match in WORD.finditer(passage)]
    asked = [match[0].lower() for match in WORD.finditer(question)]
    counts, wanted = Counter(word for word, _ in words), set(asked)
    sums = list(accumulate((log1p(1 / counts[w]) if w in wanted else 0.0 for w, _ in words), initial=0.0))
    begins, half = [begin for _, begin in words], max(len(asked) // 2, 1)

    def value(begin: int, end: int) -> float:
        first, behind = bisect_left(begins, begin), bisect_left(begins, end)
        before = sums[first] - sums[max(first - half, 0)]
        return before + sums[min(behind + half, len(words))] - sums[behind]

    return value
