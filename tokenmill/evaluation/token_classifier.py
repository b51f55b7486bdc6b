"""Classifiers of tokens: on words of tagged test documents, beside their control and each word's usual tag.

A word's answer is the label of the first token that begins in it, as in training. A word in which no token
begins has the answer of the token that covers it, which was learned from a word before.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tokenmill.core.errors import UserError
from tokenmill.core.splits import Split
from tokenmill.data.documents.tagged import tagged_documents, word_tags
from tokenmill.evaluation.ancestry import documents_digest
from tokenmill.evaluation.scores import calibration, clustered_mean
from tokenmill.evaluation.subject import Result, Subject
from tokenmill.inference.classify import Span, tag
from tokenmill.model.digest import CONTROL
from tokenmill.model.folder import load_model
from tokenmill.model.heads import Model
from tokenmill.text.vocabulary import Vocabulary

LABELS = {
    "control": "the same from random weights",
    "lexicon": "the most frequent tag of each word, words given",
}
"""What the rivals are, in words."""

NOTHING = Span(0, 0, "", 0.0)
"""The answer of a word that no token covers."""


def measure_tagger(subject: Subject) -> Result:
    """Accuracy of the words of test documents; one whose tag the model does not know is wrong.

    Raises:
        UserError: a split has no tagged documents.
    """
    test = _tagged(subject, "test", subject.sources)
    words = _words(test)
    found = words.with_columns(_answers(subject.model, subject.vocabulary, test))
    rivals = {}
    if (subject.folder / CONTROL).is_dir():
        rivals["control"] = _answers(*load_model(subject.folder / CONTROL), test)["predicted"]
    rivals["lexicon"] = _usual_tags(_words(_tagged(subject, "train", subject.rival_sources)), words)
    documents, right = words["document"].to_numpy(), _right(words, found["predicted"])
    gains = {name: right - _right(words, tags) for name, tags in rivals.items()}
    return Result(
        figures={
            **_accuracy(right, documents),
            "words": words.height,
            "words_without_token": 1 - float(found["begins"].to_numpy().mean()),
        },
        rivals={
            name: {"label": LABELS[name], **_accuracy(_right(words, tags), documents)}
            for name, tags in rivals.items()
        },
        documents=test.height,
        test_digest=documents_digest(test.with_columns(label="target"), labels=True),
        calibration=calibration(found["probability"].to_numpy(), right == 1),
        comparisons={name: asdict(clustered_mean(gain, documents)) for name, gain in gains.items()},
        predictions=found.drop("document", "begins").with_columns(
            tags.alias(f"{name}_predicted") for name, tags in rivals.items()
        ),
    )


def _tagged(subject: Subject, split: Split, sources: Sequence[str]) -> pl.DataFrame:
    frame = tagged_documents(subject.documents(split, sources))
    if frame.is_empty():
        raise UserError(
            f"{subject.clean}: no {split} documents of {', '.join(sources)} whose target is tagged text; "
            "see sources and clean.split in params.yaml"
        )
    return frame


def _words(documents: pl.DataFrame) -> pl.DataFrame:
    """id of the document, its number, and ``text`` and ``label`` of each word."""
    rows = [
        (name, number, word, label)
        for number, (name, target) in enumerate(documents.select("id", "target").iter_rows())
        for word, label in word_tags(target)
    ]
    return pl.DataFrame(rows, ["id", "document", "text", "label"], orient="row")


def _answers(model: Model, vocabulary: Vocabulary, documents: pl.DataFrame) -> pl.DataFrame:
    """``predicted`` tag of each word, its ``probability``, and whether a token ``begins`` in the word."""
    rows: list[tuple[str, float, bool]] = []
    found = tag(model, vocabulary, documents["text"].to_list())
    for target, spans in zip(documents["target"], found, strict=True):
        rows += word_answers([len(word) for word, _ in word_tags(target)], spans)
    return pl.DataFrame(rows, ["predicted", "probability", "begins"], orient="row")


def word_answers(lengths: Sequence[int], spans: Sequence[Span]) -> list[tuple[str, float, bool]]:
    """The label of each word by the labels of tokens, its probability, and whether a token begins in it.

    ``lengths`` are those of the words that make up the text, in characters.
    """
    spans = [span for span in spans if span.start < span.end]
    starts = [span.start for span in spans]
    spans.append(NOTHING)  # at -1: before the first
    answers, begin = [], 0
    for length in lengths:
        first = bisect_left(starts, begin)
        begins = first < len(starts) and starts[first] < begin + length
        span = spans[first if begins else first - 1]
        answers.append((span.label, span.probability, begins))
        begin += length
    return answers


def _usual_tags(training: pl.DataFrame, words: pl.DataFrame) -> pl.Series:
    """The most frequent tag of each word in training; of an unknown word that of all words."""
    by_word: dict[str, Counter[str]] = {}
    for word, label in training.select("text", "label").iter_rows():
        by_word.setdefault(word, Counter())[label] += 1
    (usual, _), *_ = Counter(training["label"]).most_common(1)
    tags = {word: counts.most_common(1)[0][0] for word, counts in by_word.items()}
    return pl.Series([tags.get(word, usual) for word in words["text"]])


def _right(words: pl.DataFrame, predicted: pl.Series) -> npt.NDArray[np.float64]:
    return (words["label"] == predicted).to_numpy().astype(np.float64)


def _accuracy(right: npt.NDArray[np.float64], documents: npt.NDArray[Any]) -> dict[str, float]:
    """Share of words that are right, with its 95% interval."""
    found = clustered_mean(right, documents)
    return {"accuracy": found.gain, "accuracy_low": max(found.low, 0), "accuracy_high": min(found.high, 1)}
