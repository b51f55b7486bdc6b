"""Interpolated modified Kneser-Ney n-gram model over token ids: the baseline that a Transformer has to beat.

Kneser & Ney 1995 (lower orders count distinct left neighbours), Chen & Goodman 1998 (three discounts for
each order, interpolation). Histories end at the start of the document; an n-gram that begins with the token
that starts a document has no left neighbour and keeps its own count (Heafield et al. 2013).

All counting is done on sorted arrays: a k-gram is named by its rank among the k-grams seen, and its key is
``rank of its first k-1 tokens * vocab_size + its last token``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

NONE = -1
"""Rank of a gram that was not seen, or that would reach beyond the start of its document."""

FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)
"""Used where counts of counts are too few for an estimate (the values of KenLM's --discount_fallback)."""


@dataclass(frozen=True)
class _Order:
    """The k-grams seen, k >= 2, and what follows each history of k - 1 tokens."""

    keys: Ints
    """Sorted keys of the k-grams."""
    discounted: Floats
    """For each k-gram its discounted count over its history's total."""
    left_over: Floats
    """For each history the share of probability that goes to the lower order; 1 where nothing followed it."""

    def find(self, history: Ints, tokens: Ints, vocab_size: int) -> Ints:
        """Ranks of the grams ``history + token``; NONE where there is none."""
        wanted = history * vocab_size + tokens
        place = np.searchsorted(self.keys, wanted).clip(max=len(self.keys) - 1)
        return np.where((history != NONE) & (self.keys[place] == wanted), place, NONE)


@dataclass(frozen=True)
class NGram:
    """A fitted model."""

    vocab_size: int
    start: int
    """The token that starts a document; it is given, never predicted."""
    unigram: Floats
    """Probability of each id without any history, interpolated with the uniform distribution."""
    orders: tuple[_Order, ...]
    """Order 2 and up."""

    @classmethod
    def fit(cls, stream: npt.NDArray[Any], order: int, vocab_size: int, start: int) -> Self:
        """Count and discount; ``stream`` is 1-D, documents one after the other, each after a ``start``.

        ``order`` is the longest n-gram (1: no history). Two million tokens of order 4 take some seconds.
        """
        tokens = stream.astype(np.int64)
        age = _age(tokens, start)
        grams = [_unigrams(tokens, vocab_size, start)]
        while len(grams) < order and (longer := _longer(grams[-1], tokens, age, len(grams) + 1, vocab_size)):
            grams.append(longer)
        ids = np.arange(vocab_size)
        uniform = (ids != start) / (vocab_size - 1)
        relative, left_over = _discount(np.where(ids == start, 0, _counts(grams, 0)), np.zeros_like(ids), 1)
        unigram = relative + left_over * uniform
        orders = [
            _Order(
                gram.keys,
                *_discount(_counts(grams, index), gram.keys // vocab_size, len(grams[index - 1].keys)),
            )
            for index, gram in enumerate(grams[1:], start=1)
        ]
        return cls(vocab_size, start, unigram, tuple(orders))

    def log2_probs(self, stream: npt.NDArray[Any]) -> Floats:
        """log2 of each token's probability after what precedes it in its document; 0 for ``start``."""
        tokens = stream.astype(np.int64)
        probability = self.unigram[tokens]
        ranks = tokens
        age = _age(tokens, self.start)
        for length, level in enumerate(self.orders, start=2):
            history = np.where(age >= length - 1, _shift(ranks), NONE)
            found = level.find(history, tokens, self.vocab_size)
            known = history != NONE
            probability[known] *= level.left_over[history[known]]
            seen = found != NONE
            probability[seen] += level.discounted[found[seen]]
            ranks = found
        probability[tokens == self.start] = 1.0
        return np.log2(probability)

    def after(self, histories_NH: Ints) -> Floats:
        """Probabilities (N, V) of what follows each history, whose last token is the nearest.

        NONE in a history hides what stands there, and with it all that is farther off.
        """
        probability = np.tile(self.unigram, (len(histories_NH), 1))
        for length, level in enumerate(self.orders[: histories_NH.shape[1]], start=1):
            ranks = histories_NH[:, -length]
            for shorter, tokens in enumerate(histories_NH[:, histories_NH.shape[1] - length + 1 :].T):
                ranks = self.orders[shorter].find(ranks, tokens, self.vocab_size)
            (known,) = np.nonzero(ranks != NONE)
            history = ranks[known]
            first = np.searchsorted(level.keys, history * self.vocab_size)
            count = np.searchsorted(level.keys, (history + 1) * self.vocab_size) - first
            place = np.arange(count.sum()) + np.repeat(first - (count.cumsum() - count), count)
            probability[known] *= level.left_over[history][:, None]
            probability[np.repeat(known, count), level.keys[place] % self.vocab_size] += level.discounted[
                place
            ]
        return probability

    def next_probabilities(self, history: Sequence[int]) -> Floats:
        """The probability of each id (vocab_size,) after tokens of one document."""
        return self.after(np.array([history[-len(self.orders) :]], np.int64))[0]


@dataclass(frozen=True)
class _Grams:
    """The distinct grams of one length."""

    keys: Ints
    ranks: Ints
    """For each position of the stream the rank of the gram that ends there, or NONE."""
    counts: Ints
    suffix: Ints
    """For each gram the rank of itself without its first token, one order below."""
    starts: npt.NDArray[np.bool_]
    """Which grams begin with ``start``."""


def _unigrams(tokens: Ints, vocab_size: int, start: int) -> _Grams:
    ids = np.arange(vocab_size)
    return _Grams(ids, tokens, np.bincount(tokens, minlength=vocab_size), np.zeros_like(ids), ids == start)


def _longer(shorter: _Grams, tokens: Ints, age: Ints, length: int, vocab_size: int) -> _Grams | None:
    """The grams of the next length; None when every document is shorter."""
    (places,) = np.nonzero(age >= length - 1)
    if not len(places):
        return None
    keys, first, inverse, counts = np.unique(
        shorter.ranks[places - 1] * vocab_size + tokens[places],
        return_index=True,
        return_inverse=True,
        return_counts=True,
    )
    ranks = np.full(len(tokens), NONE)
    ranks[places] = inverse
    first = places[first]
    return _Grams(keys, ranks, counts, shorter.ranks[first], age[first] == length - 1)


def _counts(grams: list[_Grams], index: int) -> Ints:
    """Kneser-Ney counts: own ones of the longest grams, distinct left neighbours of the others."""
    gram = grams[index]
    if index + 1 == len(grams):
        return gram.counts
    neighbours = np.bincount(grams[index + 1].suffix, minlength=len(gram.keys))
    return np.where(gram.starts, gram.counts, neighbours)


def _age(tokens: Ints, start: int) -> Ints:
    """For each position the number of tokens before it in its document."""
    positions = np.arange(len(tokens))
    return positions - np.maximum.accumulate(np.where(tokens == start, positions, 0))


def _shift(ranks: Ints) -> Ints:
    return np.concatenate(([NONE], ranks[:-1]))


def _discount(counts: Ints, history: Ints, histories: int) -> tuple[Floats, Floats]:
    """Discounted relative counts of the grams, and what is left over for each of their histories."""
    discount = np.array([0.0, *_discounts(counts)])[counts.clip(max=3)]
    totals = np.bincount(history, weights=counts, minlength=histories)
    removed = np.bincount(history, weights=discount, minlength=histories)
    followed = totals > 0
    left_over = np.divide(removed, totals, out=np.ones(histories), where=followed)
    relative = np.divide(counts - discount, totals[history], out=np.zeros(len(counts)), where=counts > 0)
    return relative, left_over


def _discounts(counts: Ints) -> tuple[float, float, float]:
    """What is taken off a count of 1, of 2, and of 3 or more (Chen & Goodman 1998, equation 26)."""
    once, twice, thrice, four = (int((counts == n).sum()) for n in (1, 2, 3, 4))
    if not (once and twice and thrice):
        return FALLBACK_DISCOUNTS
    y = once / (once + 2 * twice)
    found = (1 - 2 * y * twice / once, 2 - 3 * y * thrice / twice, 3 - 4 * y * four / thrice)
    if any(not 0 < d <= n for n, d in enumerate(found, start=1)):  # 0 would leave nothing for the unseen
        return FALLBACK_DISCOUNTS
    return found
