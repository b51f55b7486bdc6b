"""Examples for a model from the test split of its sources: what is asked, and what the data say."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from tokenmill.core.errors import UserError
from tokenmill.data.documents.conversations import read_turns
from tokenmill.data.documents.pairs import text_pairs
from tokenmill.data.documents.questions import questions_of
from tokenmill.data.documents.reading import read_documents
from tokenmill.serving.describe import ancestry_of, sources_of
from tokenmill.serving.models import Models

CLEAN = Path("data/clean")
MOST = 6
"""Examples that are shown."""
LONGEST = 160
"""Characters of a text that is shown as an example; of a passage eight times as many."""
SHORTEST = 10

WORD = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*|[㐀-鿿]")
"""What may become a gap: a word, or a Chinese character."""

Example = dict[str, Any]


def examples(models: Models, name: str, task: str) -> list[Example]:
    """A few examples for a task; [] where the data are not there, or have nothing for it."""
    folder = models.folder(name)
    find = FINDERS.get(task)
    if find is None:
        return []
    found: list[Example] = []
    for source in sources_of(folder):
        try:
            documents = read_documents(models.project / CLEAN, source, "test")
            found += _spread(find(documents, ancestry_of(folder)))
        except (UserError, ValueError, pl.exceptions.PolarsError):
            continue
    return _spread(found)


def _spread(found: Sequence[Example]) -> list[Example]:
    """At most :data:`MOST`, evenly from the whole."""
    step = max(1, len(found) // MOST)
    return list(found[::step][:MOST])


def _texts(documents: pl.DataFrame) -> pl.DataFrame:
    """Documents that are long enough to say something and short enough to be read at a glance."""
    lengths = pl.col("text").str.len_chars()
    return documents.filter(lengths.is_between(SHORTEST, LONGEST) & ~pl.col("text").str.contains("\n"))


def _labelled(documents: pl.DataFrame, ancestry: Mapping[str, Any]) -> list[Example]:
    rows = _texts(documents).select("text", "label").iter_rows()
    return [{"text": text, "expected": label} for text, label in rows]


def _plain(documents: pl.DataFrame, ancestry: Mapping[str, Any]) -> list[Example]:
    return [{"text": text} for text in _texts(documents)["text"]]


def _begun(documents: pl.DataFrame, ancestry: Mapping[str, Any]) -> list[Example]:
    """Beginnings of texts with what follows them there; of a model that answers, texts and their targets."""
    settings = ancestry.get("finetune")
    if isinstance(settings, Mapping) and ancestry.get("task") == "generation":
        pairs = text_pairs(documents, reverse=bool(settings.get("reverse")))
        short = [pair for pair in pairs if len(pair[0]) <= 8 * LONGEST]
        return [{"text": text, "expected": target} for text, target in short]
    found = []
    for text in _texts(documents)["text"]:
        words = list(WORD.finditer(text))
        if len(words) >= 12:
            begun = text[: words[len(words) // 3].end()]
            found.append({"text": begun, "expected": text[len(begun) :]})
    return found


def _gapped(documents: pl.DataFrame, ancestry: Mapping[str, Any]) -> list[Example]:
    """Texts with a place in them, whose word the model is to find."""
    found = []
    for text in _texts(documents)["text"]:
        words = list(WORD.finditer(text))
        if len(words) >= 10:
            place = words[len(words) // 2]
            found.append({"text": text, "begin": place.start(), "end": place.end(), "expected": place[0]})
    return found


def _asked(documents: pl.DataFrame, ancestry: Mapping[str, Any]) -> list[Example]:
    return [
        {"question": each.text, "text": each.passage, "expected": " / ".join(each.answer_texts)}
        for each in questions_of(documents)
        if len(each.passage) <= 8 * LONGEST
    ]


def _talked(documents: pl.DataFrame, ancestry: Mapping[str, Any]) -> list[Example]:
    """What users say first, with the answer that was given."""
    found = []
    for text, spans in documents.select("text", "spans").iter_rows():
        turns = [turn for turn in read_turns(text, spans) if turn.role != "system"]
        if len(turns) >= 2 and turns[0].role == "user" and len(turns[0].content) <= LONGEST:
            found.append({"text": turns[0].content, "expected": turns[1].content})
    return found


FINDERS: Mapping[str, Callable[[pl.DataFrame, Mapping[str, Any]], list[Example]]] = {
    "classify": _labelled,
    "tag": _plain,
    "generate": _begun,
    "fill": _gapped,
    "answer": _asked,
    "chat": _talked,
    "neighbours": _plain,
}
