"""Rivals of models that answer texts: a translation memory, and a gloss of known phrases and words."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

from tokenmill.evaluation.overlap import UNIT

Pair = tuple[str, str]

AT_ONCE = 64
"""Texts that are compared with the memory together."""
ROUNDS = 5
"""Of expectation and maximisation."""
LONGEST = 12
"""Units of a phrase that is looked up."""
PIECES = re.compile(rf"{UNIT.pattern}|%\([^)]*\)\w|%\w|\{{[^{{}}\s]*\}}|\S")
"""What a gloss is made of: units, placeholders, and signs each by itself."""


class Match(NamedTuple):
    """The pair of a memory that is most like a text."""

    source: str
    target: str
    similarity: float
    """Dice coefficient of their sets of three characters (Dice 1945)."""


def recall(memory: Sequence[Pair], texts: Sequence[str]) -> list[Match]:
    """For each text the pair whose source is most like it; of equal ones the first."""
    vectorizer = CountVectorizer(analyzer=_trigrams, dtype=np.float32)
    known = vectorizer.fit_transform(source for source, _ in memory)
    sizes = known.sum(1).A1
    found = []
    for start in range(0, len(texts), AT_ONCE):
        batch = texts[start : start + AT_ONCE]
        own = np.array([len(_trigrams(text)) for text in batch])  # with those that the memory lacks
        both = (vectorizer.transform(batch) @ known.T).toarray()
        dice = 2 * both / (own[:, None] + sizes[None, :])
        for row, best in zip(dice, dice.argmax(1).tolist(), strict=True):
            source, target = memory[best]
            found.append(Match(source, target, float(row[best])))
    return found


def _trigrams(text: str) -> set[str]:
    padded = f"  {text.lower()}  "
    return {padded[at : at + 3] for at in range(len(padded) - 2)}


class Gloss:
    """Texts put together from what training pairs say of their parts.

    Words are aligned by IBM model 1 (Brown et al. 1993); what is aligned with a word in a row is what it may
    be called, as in Och & Ney 2003, and it is called what is most frequent.
    """

    def __init__(self, memory: Sequence[Pair]) -> None:
        pairs = [(_pieces(source), PIECES.findall(target)) for source, target in memory]
        self.phrases = {tuple(source): target for source, target in reversed(pairs) if source}
        self.words = _called(pairs, _word_table(pairs))

    def __call__(self, text: str) -> str:
        """The longest known phrases of a text, and between them its words; what is unknown stays."""
        pieces, low, out = PIECES.findall(text), _pieces(text), list[str]()
        at = 0
        while at < len(pieces):
            ends = range(min(len(pieces), at + LONGEST), at, -1)
            end = next((end for end in ends if tuple(low[at:end]) in self.phrases), None)
            if end is not None:
                out += self.phrases[tuple(low[at:end])]
            else:
                out += self.words.get(low[at], (pieces[at],))
            at = end or at + 1
        return joined(out)


def _pieces(text: str) -> list[str]:
    return PIECES.findall(text.lower())


def joined(pieces: Sequence[str]) -> str:
    """Pieces as a text, with a space between two that are words of letters, or placeholders."""
    text = ""
    for piece in pieces:
        before, word = text[-1:], piece[0].isalnum() or len(piece) > 1
        spaced = before.isascii() and piece[0].isascii() and word and (before.isalnum() or before in ",:;")
        text += f" {piece}" if spaced and text else piece
    return text


def _word_table(pairs: Sequence[tuple[Sequence[str], Sequence[str]]]) -> Mapping[str, Mapping[str, float]]:
    """Probabilities of target pieces given a source piece, "" being none: IBM model 1."""
    table: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(lambda: 1.0))
    for _ in range(ROUNDS):
        counts: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for source, target in pairs:
            words = ["", *source]
            for piece in target:
                total = sum(table[word][piece] for word in words)
                for word in words:
                    counts[word][piece] += table[word][piece] / total
        table = {
            word: {piece: count / sum(row.values()) for piece, count in row.items()}
            for word, row in counts.items()
        }
    return table


def _called(
    pairs: Sequence[tuple[Sequence[str], Sequence[str]]], table: Mapping[str, Mapping[str, float]]
) -> dict[str, tuple[str, ...]]:
    """What each source piece is called most often: the pieces of a target in a row that it explains best."""
    names: dict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
    for source, target in pairs:
        words, row = ["", *source], list[str]()
        before = None
        for piece in [*target, None]:
            best = None if piece is None else max(words, key=lambda word: table[word].get(str(piece), 0.0))
            if best != before and before:
                names[before][tuple(row)] += 1
            row = [*(row if best == before else []), *([piece] if piece is not None else [])]
            before = best
    return {
        word: max(found.items(), key=lambda item: (item[1], len(item[0])))[0] for word, found in names.items()
    }
