"""Cloze questions from tagged text, after Cui et al. 2016 (People's Daily & CFT), who made them the same way.

A noun that stands twice in a part of an article becomes a gap in one of its sentences, which is the question;
what is left of the part is the passage, and where the noun stands there is the answer. Which sentences and
nouns are taken is drawn by the text alone.
"""

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tokenmill.data.documents.entities import tagged_entities
from tokenmill.data.documents.questions import GAP, join_questions
from tokenmill.data.documents.spans import write_spans
from tokenmill.data.ingest.articles import by_article
from tokenmill.data.ingest.files import SourceFile
from tokenmill.data.ingest.line_formats import read_tagged
from tokenmill.data.ingest.records import Record, Rows

NOUNS = {tag: "noun" for tag in ("n", "nr", "ns", "nt", "nz", "nx")}
"""Tags of nouns in the tag set of Peking University: common ones, and names of persons, places and others."""
LEAST_NOUN = 2
"""Characters; a noun of one, such as 人, is part of too many words."""
SENTENCE = re.compile("[^。！？]*[。！？]+[”’』」）]*|[^。！？]+")
QUESTION_CHARACTERS = (10, 60)
"""A shorter sentence tells too little, a longer one is read by nobody."""
PART_CHARACTERS = 300
"""Of an article at a time. Cui et al. cut none: theirs are read by models with room for them."""
PASSAGE_SENTENCES = 2
"""At least so many stay for the passage, and as many as are taken for questions."""
MOST_QUESTIONS = 3
"""Of one passage."""


class Sentence(NamedTuple):
    """A sentence of an article."""

    line: int
    """Of the file, from 1."""
    text: str
    nouns: tuple[tuple[int, int], ...]
    """Where nouns stand in it."""


def read_cloze(file: SourceFile) -> Rows:
    """Passages with their questions below, from lines of ``word/tag``; those of an article are a group.

    What no question can be made of is no document.
    """
    article: list[Record] = []
    for row in by_article(file, read_tagged(file)):
        if not isinstance(row, Record):
            yield row
            continue
        if article and row.group != article[0].group:
            yield from _of_article(article)
            article = []
        article.append(row)
    yield from _of_article(article)


def _of_article(lines: Sequence[Record]) -> Iterator[Record]:
    for part in parts_of(sentence for line in lines for sentence in sentences_of(line)):
        if made := cloze(part):
            text, spans = join_questions(*made)
            yield Record(part[0].line, text, group=lines[0].group, spans=write_spans(spans))


def sentences_of(line: Record) -> Iterator[Sentence]:
    """The sentences of a tagged line, each with the marks that end it."""
    nouns = tagged_entities(line.target or "", NOUNS)
    for match in SENTENCE.finditer(line.text):
        begin, end = match.span()
        inside = (noun for noun in nouns if begin <= noun.begin and noun.end <= end)
        places = tuple((noun.begin - begin, noun.end - begin) for noun in inside)
        yield Sentence(line.line, match[0], places)


def parts_of(sentences: Iterable[Sentence]) -> Iterator[list[Sentence]]:
    """An article's sentences in parts of at most PART_CHARACTERS, where no sentence is longer."""
    part: list[Sentence] = []
    for sentence in sentences:
        if part and sum(len(other.text) for other in [*part, sentence]) > PART_CHARACTERS:
            yield part
            part = []
        part.append(sentence)
    if part:
        yield part


Made = tuple[str, list[tuple[str, list[tuple[int, int]]]]]
"""A passage, and questions with the places of their answers."""


def cloze(part: Sequence[Sentence]) -> Made | None:
    """The passage and the questions that a part of an article gives; None of one that gives none."""
    chosen: dict[int, tuple[int, int]] = {}
    needed: set[int] = set()  # for answers that are asked for
    draw = random.Random("".join(sentence.text for sentence in part))
    for number in draw.sample(range(len(part)), len(part)):
        most = min(MOST_QUESTIONS, len(part) // 2, len(part) - PASSAGE_SENTENCES)
        if len(chosen) >= most or number in needed:
            continue
        others = {n: _nouns(part[n]) for n in range(len(part)) if n != number and n not in chosen}
        candidates = [
            place
            for place in _candidates(part[number])
            if any(_word(part[number], place) in found for found in others.values())
        ]
        if candidates:
            chosen[number] = draw.choice(candidates)
            word = _word(part[number], chosen[number])
            needed.add(next(n for n, found in others.items() if word in found))
    if not chosen:
        return None
    passage, places = _join([sentence for n, sentence in enumerate(part) if n not in chosen])
    questions = []
    for number in sorted(chosen):
        begin, end = chosen[number]
        text, word = part[number].text, _word(part[number], (begin, end))
        answers = [(first, last) for first, last in places if passage[first:last] == word]
        questions.append((text[:begin] + GAP + text[end:], answers))
    return passage, questions


def _word(sentence: Sentence, place: tuple[int, int]) -> str:
    return sentence.text[slice(*place)]


def _nouns(sentence: Sentence) -> set[str]:
    return {_word(sentence, place) for place in sentence.nouns}


def _candidates(sentence: Sentence) -> list[tuple[int, int]]:
    """Nouns that may become a gap: what is left of the sentence must not tell them."""
    least, most = QUESTION_CHARACTERS
    if not least <= len(sentence.text) <= most:
        return []
    words = ((place, _word(sentence, place)) for place in sentence.nouns)
    return [place for place, word in words if len(word) >= LEAST_NOUN and sentence.text.count(word) == 1]


def _join(sentences: Sequence[Sentence]) -> tuple[str, list[tuple[int, int]]]:
    """Sentences as one text, lines below each other, and where nouns stand in it."""
    text, places = "", []
    for number, sentence in enumerate(sentences):
        if number and sentence.line != sentences[number - 1].line:
            text += "\n"
        places += [(len(text) + begin, len(text) + end) for begin, end in sentence.nouns]
        text += sentence.text
    return text, places
