"""Where words begin in a sequence of byte-level tokens, for whole-word masking."""

import unicodedata
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from tokenmill.core.errors import UserError
from tokenmill.text.tokenizer import FIRST_TEXT_ID

Flags = npt.NDArray[np.bool_]

UNSPACED = (
    *("CJK ", "IDEOGRAPHIC ", "HIRAGANA ", "KATAKANA", "HALFWIDTH KATAKANA "),
    *("THAI ", "LAO ", "KHMER ", "MYANMAR "),
)
"""How the Unicode names begin of characters of scripts that are written without spaces."""


class WordEdges(NamedTuple):
    """For each token id, whether a word may go on across the token's left and right edge."""

    left: Flags
    right: Flags


def word_edges(tokenizer: Tokenizer) -> WordEdges:
    """Which tokens belong together, read from the spelling of each.

    A word goes on from one token to the next where the first ends and the second begins with a letter or a
    digit, or where a character's bytes are divided between them; a space goes with the word behind it. So
    ``" un"``, ``"believ"``, ``"able"`` are one word and ``" ("``, ``"see"`` are two.

    In scripts written without spaces nothing in the text marks a word. There a token of whole characters
    counts as one (BPE merges what often stands together: 喜欢, 电影), and a rare character that is spelled in
    bytes counts as one too. Segmenting with a dictionary before hiding (Cui et al. 2019) would need such a
    dictionary for every domain.

    Raises:
        UserError: the tokenizer is not byte-level.
    """
    byte_of = _byte_alphabet()
    size = tokenizer.get_vocab_size()
    edges = WordEdges(np.zeros(size, np.bool_), np.zeros(size, np.bool_))
    for token, number in tokenizer.get_vocab().items():
        if number < FIRST_TEXT_ID:
            continue
        if not set(token) <= byte_of.keys():
            raise UserError(
                f"whole-word masking needs a byte-level tokenizer, and this one has the token {token!r}; "
                "use one that `dvc repro tokenize` made, or mask tokens"
            )
        # Bytes that are only a part of a character come out as lone surrogates.
        text = bytes(byte_of[sign] for sign in token).decode("utf-8", "surrogateescape")
        edges.left[number] = _continues(text[0])
        edges.right[number] = text[-1] == " " or _is_surrogate(text[-1]) or _continues(text[-1])
    return edges


def word_starts(tokens: npt.NDArray[Any], edges: WordEdges) -> Flags:
    """Where words begin (..., T) in token ids (..., T); the first token of a row always begins one."""
    starts = np.ones(tokens.shape, np.bool_)
    starts[..., 1:] = ~(edges.right[tokens[..., :-1]] & edges.left[tokens[..., 1:]])
    return starts


def _is_surrogate(character: str) -> bool:
    return unicodedata.category(character) == "Cs"


def _continues(character: str) -> bool:
    """Whether a word may go on to this character, or beyond it."""
    if _is_surrogate(character):
        # Of a divided character's first byte one knows little: from E2 to E9 and above ED it begins signs,
        # kana, Han and emoji, elsewhere mostly letters of words. Bytes below C0 go on with a character.
        byte = ord(character) - 0xDC00
        return not (0xE2 <= byte <= 0xE9 or byte > 0xED)
    kind = unicodedata.category(character)
    return kind[0] in "LMN" and not unicodedata.name(character, "").startswith(UNSPACED)


def _byte_alphabet() -> dict[str, int]:
    """The character that stands for each byte in byte-level tokenizers (GPT-2, Radford et al. 2019).

    Printable bytes stand for themselves in Latin-1; the others take the characters from 256 on, in order.
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = sorted(set(range(256)) - set(printable))
    return {chr(b): b for b in printable} | {chr(256 + n): b for n, b in enumerate(others)}
