"""Named entities of documents: from spans with labels, or from words with tags that stand for a label.

A person's name is often tagged in two words, 江/nr 泽民/nr: a surname and a given name behind it are one
name. Places are not joined: 北京/ns 海淀区/ns are two. A group in brackets has a tag of its own, and is one
entity: ``[中央/n  电视台/n]nt``; what stands in it is none.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

import polars as pl

from tokenmill.data.documents.spans import Span, read_spans
from tokenmill.data.documents.tagged import spells, tagged_words

NAME = "nr"
"""Tag of a person's name, or of a part of it, in the tag set of Peking University."""

_COMPOUND_SURNAMES = (
    "欧阳太史端木上官司马东方独孤南宫万俟闻人夏侯诸葛尉迟公羊赫连澹台皇甫宗政濮阳公冶太叔申屠公孙慕容仲孙钟离长孙"
    "宇文司徒鲜于司空令狐呼延百里东郭南门西门"
)
COMPOUND_SURNAMES = frozenset(map("".join, zip(*[iter(_COMPOUND_SURNAMES)] * 2, strict=True)))
"""Surnames of two characters that are in use; all others have one."""


class EntityDocument(NamedTuple):
    """A text with its named entities, in their order; none overlaps another."""

    id: str
    text: str
    group: str
    """What hangs together has one group: an article, an author; a document alone is its own."""
    entities: tuple[Span, ...]


def entity_documents(documents: pl.DataFrame, labels: Mapping[str, str] | None) -> list[EntityDocument]:
    """The documents that say which entities they have, be it none, in their order.

    Args:
        documents: columns id, text, target, and group and spans where there are any.
        labels: the label of each tag that stands for one, of documents whose target is tagged text; without
            it entities are the documents' spans.

    Raises:
        ValueError: two entities of a document overlap. The message names it.
    """
    if labels is None:
        frame = documents.filter(pl.col("spans").is_not_null()) if "spans" in documents else documents.clear()
        found = [read_spans(written) for written in frame["spans"]] if frame.height else []
    else:
        frame = documents.filter(spells(documents["target"], documents["text"]))
        found = [tagged_entities(target, labels) for target in frame["target"]]
    groups = frame["group"].to_list() if "group" in frame.columns else [None] * frame.height
    rows = zip(frame["id"], frame["text"], groups, found, strict=True)
    return [EntityDocument(id, text, group or id, _apart(id, spans)) for id, text, group, spans in rows]


def tagged_entities(target: str, labels: Mapping[str, str]) -> list[Span]:
    """The entities of a target of ``word/tag``, as places in its words joined."""
    entities: list[Span] = []
    surname = -1  # where a name ended that may be a surname alone
    groups: list[tuple[int, int]] = []  # of open groups: where they begin, and how many entities there were
    end = 0
    for brackets, word, tags in tagged_words(target):
        begin, end = end, end + len(word)
        groups += [(begin, len(entities))] * len(brackets)
        tag, *closed = tags.split("]")
        if label := labels.get(tag):
            if tag == NAME and surname == begin:
                entities[-1] = Span(entities[-1].begin, end, label)
                surname = -1
            else:
                entities.append(Span(begin, end, label))
                surname = end if tag == NAME and _is_surname(word) else -1
        for of_group in closed:
            start, before = groups.pop() if groups else (end, len(entities))
            if of_label := labels.get(of_group):
                entities[before:] = [Span(start, end, of_label)]
                surname = -1
    return entities


def _is_surname(word: str) -> bool:
    return len(word) == 1 or word in COMPOUND_SURNAMES


def _apart(id: str, spans: list[Span]) -> tuple[Span, ...]:
    ordered = sorted(set(spans))
    for one, other in pairwise(ordered):
        if other.begin < one.end:
            raise ValueError(
                f"{id}: {one.label} at {one.begin} to {one.end} overlaps {other.label} at {other.begin} to "
                f"{other.end}"
            )
    return tuple(ordered)
