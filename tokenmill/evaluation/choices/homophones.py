"""Words that sound alike: one of them stood in a test document, and the others might have.

That is what a language model is for in speech recognition and in typing Chinese by sound.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
import polars as pl

from tokenmill.core.errors import UserError, shown
from tokenmill.core.files import read_text
from tokenmill.data.documents.tagged import tagged_documents, word_tags
from tokenmill.evaluation.choices.items import Item, Measured
from tokenmill.evaluation.choices.settings import HomophonesSettings
from tokenmill.evaluation.choices.word_bigrams import EDGE, WordBigrams
from tokenmill.evaluation.drawing import drawn
from tokenmill.inference.choose import Choice

PACKAGE, TABLE = "snownlp", "snownlp/normal/pinyin.txt"
LEAST_CHARACTERS = 2
"""Of a word. Single characters have seven and more of the same sound."""
LEAST_COUNT = 2
"""Of a word in training: what stands there once may be a slip."""


def pinyin_path(settings: HomophonesSettings) -> Path:
    """Where the table of pinyin is.

    Raises:
        UserError: the package that carries it is not installed.
    """
    if settings.pinyin is not None:
        return Path(settings.pinyin)
    try:
        path = Path(str(metadata.distribution(PACKAGE).locate_file(TABLE)))
    except metadata.PackageNotFoundError:
        path = None
    if path is None or not path.is_file():
        raise UserError(
            f"homophones need the table {TABLE} of the package {PACKAGE}, which is not installed: "
            f"`pip install {PACKAGE}`, or name a file of yours as `pinyin`"
        )
    return path


def read_pinyin(path: Path) -> dict[str, str]:
    """Word -> its syllables with a space between them; of a word that stands there twice the first.

    Raises:
        UserError: the file cannot be read, or a line has no word with a syllable for each character.
    """
    table: dict[str, str] = {}
    for number, line in enumerate(read_text(path, "put the table there").splitlines(), 1):
        if not line.strip():
            continue
        word, *syllables = line.split()
        if not syllables:
            said = shown(line, 40)
            raise UserError(f"{path}: line {number} has no syllables: {said}; write `word pin yin`")
        table.setdefault(word, " ".join(syllables))
    return table


class Homophones:
    """Words of training by their sound, and the choices that test documents give."""

    def __init__(self, training: pl.DataFrame, table: Mapping[str, str]) -> None:
        texts = list(_words(training))
        counts = Counter(word for words in texts for word in words)
        sounds: dict[str, list[str]] = defaultdict(list)
        for word in sorted(counts):
            if len(word) >= LEAST_CHARACTERS and counts[word] >= LEAST_COUNT and word in table:
                sounds[table[word]].append(word)
        self.alike = {word: tuple(words) for words in sounds.values() if len(words) > 1 for word in words}
        self.bigrams = WordBigrams(texts)

    def items(
        self, documents: pl.DataFrame, settings: HomophonesSettings
    ) -> tuple[list[Item], dict[str, Measured]]:
        """One item for each document that has such a word, drawn from those that it has, and the rivals.

        Raises:
            UserError: no document has one.
        """
        items: list[Item] = []
        neighbours: list[tuple[str, str]] = []
        for row, words in zip(documents.iter_rows(named=True), _words(documents), strict=True):
            places = [place for place, word in enumerate(words) if word in self.alike]
            if not places:
                continue
            place = random.Random(f"{settings.seed}:{row['id']}").choice(places)
            before, after = "".join(words[:place]), "".join(words[place + 1 :])[: settings.after]
            candidates = self.alike[words[place]]
            choice = Choice(before, candidates, after)
            group = row["group"] or row["id"]
            items.append(Item(row["id"], choice, candidates.index(words[place]), group))
            around = [EDGE, *words, EDGE]
            neighbours.append((around[place], around[place + 2]))
        if not items:
            raise UserError(
                f"no document of {settings.source} has a word that sounds like another of training; "
                "give a source of tagged Chinese text, or another table as `pinyin`"
            )
        chosen = drawn(len(items), settings.items, settings.seed)
        items = [items[n] for n in chosen]
        return items, self._rivals(items, [neighbours[n] for n in chosen])

    def _rivals(self, items: Sequence[Item], neighbours: Sequence[tuple[str, str]]) -> dict[str, Measured]:
        """The most frequent word, and word bigrams, which are told where the words beside it end."""
        frequent = [
            np.array([float(self.bigrams.words[word]) for word in item.choice.candidates]) for item in items
        ]
        pairs = [
            np.array([self.bigrams.between(before, word, after) for word in item.choice.candidates])
            for item, (before, after) in zip(items, neighbours, strict=True)
        ]
        return {
            "frequency": Measured("the word most frequent in training", frequent),
            "bigrams": Measured("word bigrams of training, told where words end", pairs),
        }


def _words(documents: pl.DataFrame) -> Iterator[list[str]]:
    for target in documents["target"]:
        yield [word for word, _ in word_tags(target)]


def tagged(documents: pl.DataFrame, source: str) -> pl.DataFrame:
    """The documents whose words are told apart.

    Raises:
        UserError: there is none.
    """
    found = tagged_documents(documents)
    if found.is_empty():
        raise UserError(f"evaluate: homophones need tagged text, and {source} has none; name another source")
    return found
