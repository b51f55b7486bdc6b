"""Articles of a newspaper whose lines, titles and paragraphs stand in the order of the paper.

Written for People's Daily of January 1998 (the tagged corpus of Peking University), which marks neither
articles nor headlines. There the rule finds 3,477 articles. 1,201 of them have one title and a dateline below
it; of 40 of these drawn by chance, every title was the headline of what stood below. By layout alone, a title
above any paragraph, there are more, and with them subheadings and captions of pictures.
"""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

Kind = Literal["title", "short", "note", "dateline", "paragraph"]

TITLE_CHARACTERS = (5, 40)
"""A shorter line is a subheading, such as 四川, or who wrote it; a longer one is a paragraph."""

_NUMBER = "[0-9０-９〇○一二三四五六七八九十]"
_DAY = rf"(?:{_NUMBER}{{1,4}}年)?{_NUMBER}{{1,3}}月{_NUMBER}{{1,3}}日"
DATELINE = re.compile(
    rf"据?(?:新华社|中新社|本报)(?:记者)?(?:[^，。：、（]{{0,16}}?{_DAY}(?:专?电|讯)|讯)"
    r"(?:（[^（）]{1,40}）|(?:本报|新华社)?(?:特约)?记者[^。：]{1,60}?报道：)?"
)
"""``新华社北京１月２日电（记者某某）``, ``本报讯``: agency, place, day, reporter at the start of a report."""
END_OF_SENTENCE = re.compile("[。！？…；：，、][”』’》）]?$")
IN_BRACKETS = re.compile(r"（[^（）]*）$")


def kind_of(line: str) -> Kind:
    """What a line is, by itself. Notes stand in brackets: who took a picture, when a poem was written."""
    if DATELINE.match(line):
        return "dateline"
    if line.startswith("（") and line.endswith("）"):
        return "note"
    least, most = TITLE_CHARACTERS
    words = IN_BRACKETS.sub("", line)
    if len(line) > most or END_OF_SENTENCE.search(words):
        return "paragraph"
    return "title" if len(words) >= least else "short"


class Layout:
    """Takes the lines of a paper in their order and tells where articles begin.

    One begins with a title that is not below another, and with a dateline that is not below a title: news in
    brief have none. The first line begins one in any case.
    """

    def __init__(self) -> None:
        self._before: Kind | None = None
        self._below_title = False

    def begins(self, line: str) -> bool:
        """Whether an article begins with the next line."""
        kind, before = kind_of(line), self._before
        by_title = kind == "title" and before != "title"
        by_dateline = kind == "dateline" and not self._below_title
        self._before = kind
        if kind not in ("short", "note"):
            self._below_title = kind == "title"
        return before is None or by_title or by_dateline


class Article(NamedTuple):
    """A headline, and the paragraphs below it, one a line."""

    headline: str
    body: str


def article_of(lines: Sequence[str]) -> Article | None:
    """The lines of an article whose headline is certain; None of others.

    It is where the article has one title, with a dateline below it. Of two titles either may be the headline.
    The body begins behind the dateline; notes are no part of it, and neither is what is said of pictures
    behind the headline.
    """
    kinds = [kind_of(line) for line in lines]
    if "dateline" not in kinds:
        return None
    first = kinds.index("dateline")
    above = kinds[:first]
    if above[:1] != ["title"] or not set(above[1:]) <= {"short", "note"}:
        return None
    opening = DATELINE.sub("", lines[first], count=1)
    rest = [line for line, kind in zip(lines[first + 1 :], kinds[first + 1 :], strict=True) if kind != "note"]
    body = "\n".join([opening, *rest] if opening else rest)
    return Article(IN_BRACKETS.sub("", lines[0]), body) if body else None
