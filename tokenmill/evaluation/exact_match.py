"""How well an answer agrees with those that are right, as SQuAD has it (Rajpurkar et al. 2016)."""

import unicodedata
from collections import Counter
from collections.abc import Sequence

import regex

from tokenmill.text.unspaced import UNSPACED

ARTICLES = frozenset(("a", "an", "the"))
UNIT = regex.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")
"""A character of a script without spaces, or a word."""


def answer_units(text: str) -> list[str]:
    """Words, and characters of scripts without spaces: lower case, no punctuation, no English articles."""
    kept = "".join(character for character in text.lower() if not _is_punctuation(character))
    return [unit for unit in UNIT.findall(kept) if unit not in ARTICLES]


def _is_punctuation(character: str) -> bool:
    # SQuAD takes away ASCII's punctuation, of which some are symbols to Unicode.
    return unicodedata.category(character)[0] == "P" or character in "$+<=>^`|~"


def exact_match(predicted: str, actual: Sequence[str]) -> float:
    """1 where an answer equals one of the right ones, else 0; of a question without any, "" is right."""
    found = answer_units(predicted)
    return float(any(found == answer_units(right) for right in actual or [""]))


def answer_f1(predicted: str, actual: Sequence[str]) -> float:
    """F1 of the units that an answer shares with a right one, the best of them."""
    found = answer_units(predicted)
    return max(_f1(found, answer_units(right)) for right in actual or [""])


def _f1(found: list[str], right: list[str]) -> float:
    if not found or not right:
        return float(found == right)
    shared = sum((Counter(found) & Counter(right)).values())
    return 2 * shared / (len(found) + len(right))
