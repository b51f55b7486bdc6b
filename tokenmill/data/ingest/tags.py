"""Tags of tokens as spans: BIO, IOB1, BIOES, BILOU, BMES, or labels alone, told apart over a whole file.

BIO (also IOB2) begins each entity with B; IOB1 (Ramshaw and Marcus 1995) only one that follows another of
its label; BIOES, BILOU and BMES mark the end and single tokens too.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from tokenmill.core.errors import UserError

OUTSIDE = "O"
_TAG = re.compile(r"([BIESLUM])[-_](.+)")
_MEANING = {"M": "I", "L": "E", "U": "S"}
"""Letters of BMES and BILOU as those of BIOES."""
CJK = (
    "\u2e80-\u303f\u3040-\u30ff\u3100-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef"
    "\U00020000-\U0003ffff"
)
"""Han, kana, Bopomofo, their punctuation and full-width forms: written without spaces."""
_NO_SPACE = re.compile(f"[{CJK}]")


class Scheme(NamedTuple):
    """How tags say where entities begin and end."""

    name: str
    has_ends: bool = False
    begins_loosely: bool = False
    """Whether an I begins an entity where none goes on."""


PLAIN = Scheme("labels alone")


@dataclass
class Tally:
    """The tags of a file, counted sentence by sentence."""

    letters: Counter[str] = field(default_factory=Counter)
    labels: set[str] = field(default_factory=set)
    plain: Counter[str] = field(default_factory=Counter)
    loose: int = 0
    """I where no entity of its label goes on: what IOB1 has and BIO has not ..."""
    needless: int = 0
    """... and B where no entity of its label ends: the other way about."""

    def add(self, tags: Iterable[str]) -> None:
        """Count the tags of a sentence."""
        before = None
        for tag in tags:
            parts = _parts(tag)
            if parts is None:
                before = None
                if tag != OUTSIDE:
                    self.plain[tag] += 1
                continue
            letter, label = parts
            self.letters[letter] += 1
            self.labels.add(label)
            self.loose += letter == "I" and before != label
            self.needless += letter == "B" and before != label
            before = label

    def scheme(self, where: str) -> Scheme:
        """The scheme that most tags are of.

        Raises:
            UserError: the tags have no labels. The message begins with ``where``.
        """
        if self.plain.total() > self.letters.total():
            if "B" in self.plain and self.plain.keys() <= set("BIESLUM"):
                raise UserError(f"{where}: its tags B, I, ... have no labels; write them as B-NAME, I-NAME")
            return PLAIN
        if self.letters["M"]:
            return Scheme("BMES", has_ends=True)
        if self.letters["L"] or self.letters["U"]:
            return Scheme("BILOU", has_ends=True)
        if self.letters["E"] or self.letters["S"]:
            return Scheme("BIOES", has_ends=True)
        return Scheme("IOB1", begins_loosely=True) if self.loose > self.needless else Scheme("BIO")

    def said(self, scheme: Scheme) -> str:
        """The scheme and the labels, for a note."""
        labels = sorted(self.plain if scheme is PLAIN else self.labels)
        more = ", ..." if len(labels) > 10 else ""
        shown = ", ".join(label[:40] for label in labels[:10])
        return f"tags read as {scheme.name}{f', of {shown}{more}' if labels else ''}"


def tagged_spans(tags: Sequence[str], scheme: Scheme) -> list[tuple[int, int, str]]:
    """``(first token, token behind the last, label)`` of each entity.

    Raises:
        ValueError: a tag cannot be read by the scheme. The message is a reject's reason.
    """
    found: list[tuple[int, int, str]] = []
    begin, open_ = 0, None
    for place, tag in enumerate([*tags, OUTSIDE]):
        letter, label = _split(tag, scheme, open_, place)
        goes_on = letter in ("I", "E")
        if goes_on and label != open_:
            if not scheme.begins_loosely:
                raise ValueError(f"token {place + 1}: {tag[:40]} continues no entity ({scheme.name})")
            letter, goes_on = "B", False
        if open_ is not None and not goes_on:
            if scheme.has_ends:
                raise ValueError(f"token {place}: {tags[place - 1][:40]} has no end ({scheme.name})")
            found.append((begin, place, open_))
            open_ = None
        if letter in ("B", "S"):
            begin, open_ = place, label
        if letter in ("E", "S"):
            found.append((begin, place + 1, str(label)))
            open_ = None
    return found


def _split(tag: str, scheme: Scheme, open_: str | None, place: int) -> tuple[str, str | None]:
    """Letter, as in BIOES, and label of a tag."""
    if tag == OUTSIDE:
        return OUTSIDE, None
    if scheme is PLAIN:
        return ("I" if tag == open_ else "B"), tag
    parts = _parts(tag)
    if parts is None:
        raise ValueError(f"token {place + 1}: {tag[:40]!r} is no tag ({scheme.name})")
    return _MEANING.get(parts[0], parts[0]), parts[1]


@lru_cache(1 << 12)
def _parts(tag: str) -> tuple[str, str] | None:
    """Letter and label, as written; None for what is no such tag."""
    match = _TAG.fullmatch(tag)
    return None if match is None else (match[1], match[2])


def join_tokens(tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """The text of tokens, and where each stands in it.

    There is one space between two tokens, and none where Chinese or Japanese touches the other, nor in a
    text that is cut into characters of which some are Chinese or Japanese.
    """
    by_character = all(len(token) == 1 for token in tokens) and any(map(_NO_SPACE.match, tokens))
    pieces: list[str] = []
    places: list[tuple[int, int]] = []
    length, last = 0, ""
    for token in tokens:
        if pieces and not by_character and not _NO_SPACE.match(last) and not _NO_SPACE.match(token):
            pieces.append(" ")
            length += 1
        pieces.append(token)
        places.append((length, length + len(token)))
        length, last = length + len(token), token[-1]
    return "".join(pieces), places
