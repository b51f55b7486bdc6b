"""What users send, in the form in which the model's training texts were.

A model without a file about that (:mod:`tokenmill.core.normalization`) reads texts as they are.
"""

import re
from collections.abc import Sequence
from itertools import islice

from tokenmill.core.normalization import Normalization
from tokenmill.data.normalization.edited import Edited
from tokenmill.data.normalization.text import normalize_text
from tokenmill.text.vocabulary import Vocabulary

Steps = Normalization | None


def edited_texts(steps: Steps, texts: Sequence[str]) -> list[Edited]:
    """Texts as the model reads them, which know where their parts stand in what was sent.

    Raises:
        UserError: a package that a step needs is not installed.
    """
    return [Edited(text) if steps is None else normalize_text(text, steps) for text in texts]


def whole_texts(steps: Steps, texts: Sequence[str]) -> list[str]:
    """Texts as the model reads them; see :func:`edited_texts`."""
    return [edited.text for edited in edited_texts(steps, texts)]


def beginnings(steps: Steps, texts: Sequence[str]) -> list[str]:
    """Texts that go on: the white space at their end says how, and stays."""
    marks = [_marks(text, 1) for text in texts]
    marked = [text + mark for text, mark in zip(texts, marks, strict=True)]
    return [text[:-1] for text in whole_texts(steps, marked)]


def inner_texts(steps: Steps, texts: Sequence[str]) -> list[str]:
    """Parts from within texts: the white space at both their ends stays."""
    marks = [_marks(text, 1) for text in texts]
    marked = [mark + text + mark for text, mark in zip(texts, marks, strict=True)]
    return [text[1:-1] for text in whole_texts(steps, marked)]


def texts_with_gaps(steps: Steps, texts: Sequence[str], vocabulary: Vocabulary) -> list[str]:
    """Texts in which special tokens are meant: they stay, and no step looks into them or over them."""
    if steps is None:
        return list(texts)
    special = sorted({vocabulary.token(token) for token in vocabulary.special}, key=len, reverse=True)
    spelt = re.compile("|".join(map(re.escape, special)))
    marks = [_marks(text, len(special)) for text in texts]
    marked = [_swap(text, spelt, special, mark) for text, mark in zip(texts, marks, strict=True)]
    return [
        _swap(text, re.compile(f"[{mark}]"), mark, special)
        for text, mark in zip(whole_texts(steps, marked), marks, strict=True)
    ]


def _swap(text: str, found: re.Pattern[str], old: Sequence[str], new: Sequence[str]) -> str:
    """The text with ``new`` for each of ``old`` that an expression finds in it."""
    other = dict(zip(old, new, strict=True))
    return found.sub(lambda match: other[match[0]], text)


def _marks(text: str, count: int) -> str:
    """So many different characters that are not in the text, and that no step touches (for private use)."""
    there = set(text)
    free = (mark for mark in map(chr, range(0xF0000, 0x10FFFE)) if mark not in there)
    return "".join(islice(free, count))
