"""Tagged text: a target of ``word/tag  word/tag``, whose words, joined, are the document's text."""

import re
from difflib import SequenceMatcher

import polars as pl

TOKEN = r"(\[*?)(\[[A-Z_]+\]|[^\s\[]\S*|\[)/([A-Za-z]+(?:\][A-Za-z]+)*)"
"""``[中央/n  电视台/n]nt`` marks a group with a tag of its own; the bracket belongs to no word. A bracket
alone is the punctuation mark itself, and ``[PHONE]`` a placeholder of ``normalization.pii``."""

_TOKEN = re.compile(TOKEN)


def tagged_words(target: str) -> list[tuple[str, str, str]]:
    """For each token the brackets before its word, the word, and its tag with those of groups that it ends.

    Raises:
        ValueError: something is no ``word/tag``. The message says what.
    """
    tokens = []
    for token in target.split():
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise ValueError(f"no word/tag: {token[:40]!r}")
        tokens.append((match[1], match[2], match[3]))
    return tokens


def word_tags(target: str) -> list[tuple[str, str]]:
    """Each word of a tagged text and its own tag, without those of groups that it ends."""
    return [(word, tag.partition("]")[0]) for _, word, tag in tagged_words(target)]


def tagged_documents(documents: pl.DataFrame) -> pl.DataFrame:
    """The documents whose target is tagged text; all others have no word with a tag."""
    return documents.filter(spells(documents["target"], documents["text"]))


def spells(targets: pl.Series, texts: pl.Series) -> pl.Series:
    """Whether each target is tagged text whose words are the text; false for null."""
    words = targets.str.replace_all(rf"{TOKEN}(?:\s+|$)", "$2")
    return (targets.str.contains("/", literal=True) & (words == texts)).fill_null(False)


def retag(target: str, before: str, after: str) -> str | None:
    """The tokens of ``target``, whose words are ``before``, with words that are ``after``.

    What replaced a stretch becomes part of the word that had most of it; a word of which nothing is left
    goes. None where that cannot be written as tokens: a word would hold white space, or none is left.
    """
    tokens = tagged_words(target)
    owner = [number for number, (_, word, _) in enumerate(tokens) for _ in word]
    pieces = [""] * len(tokens)
    for kind, begin, end, new_begin, new_end in _changes(before, after):
        if kind == "equal":
            for number, character in zip(owner[begin:end], after[new_begin:new_end], strict=True):
                pieces[number] += character
        elif new_begin < new_end:
            replaced = owner[begin:end] or owner[begin - 1 : begin] or owner[:1]
            pieces[max(replaced, key=replaced.count)] += after[new_begin:new_end]
    kept: list[tuple[str, str, str]] = []
    opened = ""
    for (brackets, _, tag), piece in zip(tokens, pieces, strict=True):
        opened += brackets
        if piece:
            kept.append((opened, piece, tag))
            opened = ""
        elif kept and "]" in tag:  # the group ends with the word before
            kept[-1] = (*kept[-1][:2], kept[-1][2] + tag[tag.index("]") :])
    written = " ".join(f"{brackets}{word}/{tag}" for brackets, word, tag in kept)
    try:
        words = [word for _, word, _ in tagged_words(written)]
    except ValueError:
        return None
    return written if words and "".join(words) == after else None


def _changes(before: str, after: str) -> list[tuple[str, int, int, int, int]]:
    """What :meth:`difflib.SequenceMatcher.get_opcodes` gives, which sees only what lies between changes."""
    shorter = min(len(before), len(after))
    same = (n for n in range(shorter) if before[n] != after[n])
    head = next(same, shorter)
    ends = (n for n in range(shorter - head) if before[-1 - n] != after[-1 - n])
    tail = next(ends, shorter - head)
    old, new = len(before) - tail, len(after) - tail
    between = SequenceMatcher(None, before[head:old], after[head:new], autojunk=False).get_opcodes()
    return [
        ("equal", 0, head, 0, head),
        *((kind, a + head, b + head, c + head, d + head) for kind, a, b, c, d in between),
        ("equal", old, len(before), new, len(after)),
    ]
