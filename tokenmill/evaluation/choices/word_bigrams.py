"""Counts of words and of pairs of words: what chose among candidates before neural networks."""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import log

EDGE = ""
"""Stands before the first word of a text and behind the last."""
DISCOUNT = 0.75
"""Taken off each count of a pair (Ney, Essen & Kneser 1994; between 0.7 and 0.8 for English and Chinese)."""


class WordBigrams:
    """A bigram model of words with absolute discounting, interpolated with frequencies plus one."""

    def __init__(self, texts: Iterable[Sequence[str]]) -> None:
        self.words: Counter[str] = Counter()
        self.pairs: Counter[tuple[str, str]] = Counter()
        for words in texts:
            self.words.update([*words, EDGE])
            self.pairs.update(zip([EDGE, *words], [*words, EDGE], strict=True))
        self.total = self.words.total() + len(self.words)
        self.followers = Counter(first for first, _ in self.pairs)

    def nats(self, first: str, second: str) -> float:
        """Log-probability of a word after another."""
        frequency = (self.words[second] + 1) / self.total
        before = self.words[first]
        if not before:
            return log(frequency)
        seen = max(self.pairs[first, second] - DISCOUNT, 0) / before
        return log(seen + DISCOUNT * self.followers[first] / before * frequency)

    def between(self, before: str, word: str, after: str) -> float:
        """Log-probability of a word and its right neighbour after its left one."""
        return self.nats(before, word) + self.nats(word, after)
