"""Texts as models read them that answer for each character: pieces, code points, tokens by character."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tokenmill.text.vocabulary import Vocabulary

SENTENCES = re.compile(r"[^。！？!?；;\n]*[。！？!?；;\n]+[”’」』）)\"']*|[^。！？!?；;\n]+")
"""A sentence with what ends it; the parts of a text, one after the other."""

UNREADABLE = 0xFFFD
CLAUSE_ENDS = "，、：,: \t）)”」』"


class Piece(NamedTuple):
    """A part of a text, from ``begin`` on, as a model reads it."""

    begin: int
    characters: npt.NDArray[np.int64]
    """Code point of each character, NUL as that of what cannot be read: a batch's padding is 0."""
    tokens: list[int]
    places: npt.NDArray[np.int64]
    """For each character, which of the tokens it lies in."""

    @property
    def end(self) -> int:
        """Where it ends in the text."""
        return self.begin + len(self.characters)


def text_pieces(
    vocabulary: Vocabulary, text: str, longest: int, whole: Sequence[tuple[int, int]] = ()
) -> list[Piece]:
    """A text in pieces of whole sentences, of at most ``longest`` characters and as many tokens.

    A longer sentence is cut behind a comma or a space, or where the room ends.

    Args:
        vocabulary: of the model.
        text: any; [] of an empty one.
        longest: the model's context.
        whole: places (begin, end) of what is not to be cut, where it fits into a piece at all.
    """
    pieces = []
    for begin, end in cut_places(text, longest, whole):
        pieces += _encoded(vocabulary, text, begin, end, longest, whole)
    return pieces


def cut_places(text: str, longest: int, whole: Sequence[tuple[int, int]] = ()) -> list[tuple[int, int]]:
    """Where the pieces of a text begin and end, by characters alone; see :func:`text_pieces`."""
    ends = list(accumulate(len(sentence) for sentence in SENTENCES.findall(text)))
    places, begin = [], 0
    while begin < len(text):
        fitting = bisect_left(ends, begin + longest + 1) - 1
        end = ends[fitting] if fitting >= 0 and ends[fitting] > begin else begin + longest
        if end < len(text) and end not in ends:
            end = _clause_end(text, begin, end)
        end = min(end, len(text))
        inside = next((start for start, stop in whole if start < end < stop), end)
        end = inside if inside > begin else end
        places.append((begin, end))
        begin = end
    return places


def _clause_end(text: str, begin: int, end: int) -> int:
    """The last place in the second half of a stretch behind what ends a clause; its end, if there is none."""
    for place in range(end, begin + (end - begin) // 2, -1):
        if text[place - 1] in CLAUSE_ENDS:
            return place
    return end


def _encoded(
    vocabulary: Vocabulary, text: str, begin: int, end: int, longest: int, whole: Sequence[tuple[int, int]]
) -> list[Piece]:
    """A stretch as one piece, or as two where it has too many tokens: rare characters have several each."""
    first, *more = vocabulary.encode_whole([text[begin:end]], longest)[0]
    if more and end - begin > 1:
        kept = [(start - begin, stop - begin) for start, stop in whole if begin <= start and stop <= end]
        pieces = []
        for start, stop in cut_places(text[begin:end], (end - begin + 1) // 2, kept):
            pieces += _encoded(vocabulary, text, begin + start, begin + stop, longest, whole)
        return pieces
    characters = np.frombuffer(text[begin:end].encode("utf-32-le", "surrogatepass"), "<u4").astype(np.int64)
    characters[characters == 0] = UNREADABLE
    return [Piece(begin, characters, first.ids or [vocabulary.pad], _places(first.offsets, end - begin))]


def _places(offsets: Sequence[tuple[int, int]], length: int) -> npt.NDArray[np.int64]:
    """The first token of each character; one in no token, such as a space, has that of the one before."""
    places = np.full(length, -1, np.int64)
    for token in range(len(offsets) - 1, -1, -1):
        begin, end = offsets[token]
        places[begin:end] = token
    return np.maximum.accumulate(np.maximum(places, 0))
