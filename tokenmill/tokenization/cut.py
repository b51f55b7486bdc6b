"""Pre-tokens of many texts at once: what the pattern of train.py matches, found by NumPy.

The pattern tells characters apart by class only: runs of a class are cut at a length, a space goes with the
word or signs behind it, and a few English endings stay with their apostrophe. So each character is looked up
once, and what a regular expression does step by step becomes a few operations on whole arrays.
"""

import sys
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import regex

from tokenmill.tokenization.train import CLASSES

CUT = "\0"
"""Stands between pre-tokens, and between texts."""
BREAK, UNSPACED, WORD, NUMBER, SPACE, SIGN = range(6)
"""Classes: CUT itself, then those of the pattern's alternatives. A WORD is of letters and marks."""
UNKNOWN = 255

Codes = npt.NDArray[np.uint32]
Marks = npt.NDArray[np.bool_]


class Cutter:
    """Cuts as ``pattern`` does, one of :func:`tokenmill.tokenization.train.pre_token_pattern`.

    ``limits``: the longest run of each class in one pre-token.
    """

    def __init__(self, pattern: str, limits: Sequence[int]) -> None:
        self._pattern = regex.compile(pattern, regex.V1)
        self._classes = [regex.compile(one, regex.V1) for one in CLASSES]
        self._letter = regex.compile(r"\p{L}")
        self._limits = np.array([np.iinfo(np.int32).max, *limits], np.int32)
        # By code point: its class, whether it is a letter, and whether it is of several classes, as 〇 is,
        # which is a number too.
        self._kinds = np.full(sys.maxunicode + 1, UNKNOWN, np.uint8)
        self._kinds[ord(CUT)] = BREAK
        self._letters = np.zeros(sys.maxunicode + 1, np.bool_)
        self._several = np.zeros(sys.maxunicode + 1, np.bool_)

    def cut(self, texts: Sequence[str]) -> Iterator[str]:
        """Each text with CUT between its pre-tokens; no text may hold it."""
        codes = np.frombuffer((CUT.join(texts) + CUT).encode("utf-32-le"), np.uint32)
        kinds = self._kinds[codes]
        if (kinds == UNKNOWN).any():
            self._learn(codes[kinds == UNKNOWN])
            kinds = self._kinds[codes]
        begins, doubts = self._begins(codes, kinds)
        between = begins & (kinds != BREAK)
        between[0] = False
        between[1:] &= kinds[:-1] != BREAK
        places = np.arange(len(codes)) + np.cumsum(between)
        wider = np.zeros(int(places[-1]) + 1, np.uint32)
        wider[places] = codes
        whole = wider.tobytes().decode("utf-32-le")
        ends = np.flatnonzero(kinds == BREAK)
        doubtful = np.zeros(len(texts), np.bool_)
        doubtful[np.searchsorted(ends, np.flatnonzero(self._several[codes] | doubts))] = True
        start = 0
        for text, end, doubt in zip(texts, places[ends].tolist(), doubtful.tolist(), strict=True):
            yield CUT.join(self._pattern.findall(text)) if doubt else whole[start:end]
            start = end + 1

    def _learn(self, codes: Codes) -> None:
        """Classify characters that were not met before."""
        for code in np.unique(codes).tolist():
            character = chr(code)
            fits = [place for place, one in enumerate(self._classes, 1) if one.fullmatch(character)]
            self._kinds[code] = fits[0]
            self._several[code] = len(fits) > 1
            self._letters[code] = self._letter.fullmatch(character) is not None

    def _begins(self, codes: Codes, kinds: npt.NDArray[np.uint8]) -> tuple[Marks, Marks]:
        """Where pre-tokens begin, and where a text is that ``pattern`` itself has to cut."""
        after = np.append(kinds[1:], BREAK)
        changes = np.ones(len(kinds), np.bool_)
        np.not_equal(kinds[1:], kinds[:-1], out=changes[1:])
        where = np.arange(len(kinds), dtype=np.int32)
        in_run = where - np.maximum.accumulate(np.where(changes, where, 0))
        begins = changes.copy()
        far = np.flatnonzero(in_run >= self._limits[kinds])
        begins[far] = in_run[far] % self._limits[kinds[far]] == 0
        # White space before something else leaves its last character to what follows.
        last = (kinds == SPACE) & (after != SPACE) & (after != BREAK)
        begins |= last
        taken = np.flatnonzero(last & (codes == ord(" ")) & ((after == WORD) | (after == SIGN)))
        begins[taken + 1] = False
        return begins, self._endings(codes, kinds, begins)

    def _endings(self, codes: Codes, kinds: npt.NDArray[np.uint8], begins: Marks) -> Marks:
        """``'s``, ``'ll`` and the like stay whole, if no letter follows; where a mark does is returned."""
        strange = np.zeros(len(codes), np.bool_)
        at = np.flatnonzero((codes == ord("'")) & begins)
        padded = np.append(codes, np.zeros(3, np.uint32))
        one, two, three = (padded[at + step] for step in (1, 2, 3))
        short = np.isin(one, [ord(c) for c in "sdmtSDMT"]) & ~self._letters[two]
        pairs = [(ord(a) << 32) | ord(b) for a, b in ("ll", "LL", "ve", "VE", "re", "RE")]
        both = (one.astype(np.uint64) << np.uint64(32)) | two
        long = np.isin(both, np.array(pairs, np.uint64)) & ~self._letters[three]
        begins[at[short | long] + 1] = False
        marked = (short & (self._kinds[two] == WORD)) | (long & (self._kinds[three] == WORD))
        strange[at[marked]] = True
        return strange


def split(text: str, longest: int) -> Iterator[str]:
    """A text of :meth:`Cutter.cut` in pieces of at most so many characters, split where it is cut."""
    start = 0
    while len(text) - start > longest:
        end = text.rfind(CUT, start, start + longest + 1)
        yield text[start:end]
        start = end + 1
    yield text[start:]
