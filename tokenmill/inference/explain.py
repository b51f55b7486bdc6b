"""Which parts of a text moved a classifier's decision: what changes where a part is left out (occlusion).

Zeiler & Fergus 2014; on text Li et al. 2016. Words between spaces are left out whole, other characters one by
one; of a long text neighbours together.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tokenmill.inference.classify import classify
from tokenmill.model.heads import Model
from tokenmill.text.vocabulary import Vocabulary

MOST_PIECES = 64
"""Of a text: it is read once for each."""

PIECE = re.compile(r"[A-Za-zÀ-ɏ]+(?:['’][A-Za-zÀ-ɏ]+)?|\d+|\s+|.", re.DOTALL)


@dataclass(frozen=True)
class Influence:
    """A part of a text, ``text[start:end]``, and by how much it raises the answer."""

    start: int
    end: int
    weight: float
    """The answer's probability, or a regression's number, less what it is without the part."""


@dataclass(frozen=True)
class Explanation:
    """What moved one decision."""

    label: str
    """The answer that is explained, the most probable one; a regression has only one."""
    value: float
    """Its probability, or the number."""
    influences: list[Influence]
    """In the order of the text, which they cover."""


def explain(
    model: Model, vocabulary: Vocabulary, texts: Sequence[str], *, batch_size: int = 64
) -> list[Explanation]:
    """Why a classifier of texts gives each text its most probable label.

    Raises:
        UserError: see :func:`tokenmill.inference.classify.classify`.
    """
    answers = classify(model, vocabulary, texts, batch_size=batch_size)
    places = [parts_of(text) for text in texts]
    without = [text[:b] + text[e:] for text, parts in zip(texts, places, strict=True) for b, e in parts]
    changed = classify(model, vocabulary, without, batch_size=batch_size)
    found, first = [], 0
    for parts, answer in zip(places, answers, strict=True):
        best = int(answer.argmax())
        drops = answer[best] - changed[first : first + len(parts), best]
        first += len(parts)
        weighed = [Influence(*part, float(drop)) for part, drop in zip(parts, drops, strict=True)]
        found.append(Explanation(model.config.labels[best], float(answer[best]), weighed))
    return found


def pieces_of(text: str) -> list[tuple[int, int]]:
    """Where words, numbers, white space and other single characters begin and end; they cover the text."""
    return [match.span() for match in PIECE.finditer(text)]


def parts_of(text: str) -> list[tuple[int, int]]:
    """At most MOST_PIECES parts of about as many pieces each; they cover the text."""
    pieces = pieces_of(text)
    parts = min(len(pieces), MOST_PIECES)
    groups = np.array_split(np.arange(len(pieces)), parts) if parts else []
    return [(pieces[group[0]][0], pieces[group[-1]][1]) for group in groups]
