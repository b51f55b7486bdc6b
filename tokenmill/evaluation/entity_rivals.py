"""What people would use to find entities instead: a list of known ones, and a conditional random field."""

import ctypes
import os
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from tokenmill.data.documents.entities import EntityDocument
from tokenmill.data.documents.spans import Span
from tokenmill.model.bio import read_bio, write_bio
from tokenmill.model.names import bio_labels
from tokenmill.text.characters import cut_places

LONGEST = 128
"""Characters in a row of the conditional random field."""

ITERATIONS = 10


def dictionary_entities(train: Sequence[EntityDocument], texts: Sequence[str]) -> list[list[Span]]:
    """The training entities in each text, from left to right the longest that fits, by its usual label.

    Those of one character are left out: a surname alone would be found in many words.
    """
    seen: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for document in train:
        for begin, end, label in document.entities:
            if end - begin > 1:
                seen[document.text[begin:end]][label] += 1
    labels = {words: min(found, key=lambda label: (-found[label], label)) for words, found in seen.items()}
    lengths: defaultdict[str, set[int]] = defaultdict(set)
    for words in labels:
        lengths[words[0]].add(len(words))
    longest_first = {first: sorted(found, reverse=True) for first, found in lengths.items()}
    return [list(_known(text, labels, longest_first)) for text in texts]


def _known(text: str, labels: dict[str, str], lengths: dict[str, list[int]]) -> Iterator[Span]:
    place = 0
    while place < len(text):
        fitting = (n for n in lengths.get(text[place], ()) if text[place : place + n] in labels)
        length = next(fitting, 0)
        if length:
            yield Span(place, place + length, labels[text[place : place + length]])
        place += length or 1


def crf_entities(train: Sequence[EntityDocument], texts: Sequence[str]) -> list[list[Span]]:
    """Entities by CRFsuite: windows of characters, averaged perceptron (Collins 2002), 10 passes.

    The features of a character are those from two before it to two behind, each pair of neighbours among
    them, and the three characters in the middle. Equal documents give equal entities.
    """
    import pycrfsuite  # type: ignore[import-untyped]

    names = sorted({span.label for document in train for span in document.entities})
    labels = bio_labels(names)
    numbers = {label: number for number, label in enumerate(labels)}
    trainer = pycrfsuite.Trainer(algorithm="ap", verbose=False)
    trainer.set_params({"max_iterations": ITERATIONS})
    ctypes.CDLL(None if os.name == "posix" else "msvcrt").srand(
        1
    )  # it shuffles rows by C's random numbers, wherever these stand
    for document in train:
        places = [(span.begin, span.end) for span in document.entities]
        row = write_bio(document.entities, len(document.text), numbers)
        for begin, end in cut_places(document.text, LONGEST, places):
            trainer.append(_features(document.text[begin:end]), [labels[n] for n in row[begin:end]])
    tagger = pycrfsuite.Tagger()
    with tempfile.TemporaryDirectory() as folder:
        trainer.train(str(Path(folder, "crf")))
        tagger.open(str(Path(folder, "crf")))
        return [_tagged(tagger, text, labels, numbers) for text in texts]


def _tagged(tagger: object, text: str, labels: Sequence[str], numbers: dict[str, int]) -> list[Span]:
    found = []
    for begin, end in cut_places(text, LONGEST):
        said = [numbers[label] for label in tagger.tag(_features(text[begin:end]))]  # type: ignore[attr-defined]
        spans = read_bio(said, labels)
        found += [Span(begin + span.begin, begin + span.end, span.label) for span in spans]
    return found


def _features(text: str) -> list[list[str]]:
    """The features of each character, as strings; what lies beyond the text is a space."""
    padded = f"  {text}  "
    return [
        [
            f"a{p}", f"b{q}", f"c{r}", f"d{s}", f"e{t}",
            f"f{p}{q}", f"g{q}{r}", f"h{r}{s}", f"i{s}{t}", f"j{q}{r}{s}",
        ]
        for p, q, r, s, t in zip(padded, padded[1:], padded[2:], padded[3:], padded[4:], strict=False)
    ]  # fmt: skip
