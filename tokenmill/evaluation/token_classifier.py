"""Classifiers of tokens: on words of tagged test documents, beside their control and what is usual.

A word's answer is the label of the first token that begins in it, as in training. A word in which no token
begins has the answer of the token that covers it, which was learned from a word before.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tokenmill.core.errors import UserError
from tokenmill.core.splits import Split
from tokenmill.data.documents.tagged import tagged_documents, word_tags
from tokenmill.evaluation.ancestry import documents_digest
from tokenmill.evaluation.parts import Parts, documents_and_groups, ratio
from tokenmill.evaluation.scores import calibration, clustered_mean
from tokenmill.evaluation.subject import Result, Subject
from tokenmill.inference.classify import Span, tag
from tokenmill.model.digest import CONTROL
from tokenmill.model.folder import load_model
from tokenmill.model.heads import Model
from tokenmill.text.vocabulary import Vocabulary

LABELS = {
    "control": "the same from random weights",
    "characters": "the most frequent tag of each word's first character",
    "lexicon": "the most frequent tag of each word, of texts cut into their words",
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
    seen = _words(_tagged(subject, "train", subject.rival_sources)).select("text", "label").rows()
    by_character = ((character, label) for word, label in seen for character in word)
    rivals["characters"] = _usual_tags(by_character, words["text"].str.head(1))
    rivals["lexicon"] = _usual_tags(seen, words["text"])
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


def _usual_tags(seen: Iterable[tuple[str, str]], asked: Iterable[str]) -> pl.Series:
    """The tag that each of ``asked`` had most often, of (what, tag); of what was never seen, that of all."""
    every, by_what = Counter[str](), defaultdict[str, Counter[str]](Counter)
    for what, label in seen:
        every[label] += 1
        by_what[what][label] += 1
    (usual,) = (label for label, _ in every.most_common(1))
    tags = {what: counts.most_common(1)[0][0] for what, counts in by_what.items()}
    return pl.Series([tags.get(what, usual) for what in asked])


def _right(words: pl.DataFrame, predicted: pl.Series) -> npt.NDArray[np.float64]:
    return (words["label"] == predicted).to_numpy().astype(np.float64)


def _accuracy(right: npt.NDArray[np.float64], documents: npt.NDArray[Any]) -> dict[str, float]:
    """Share of words that are right, with its 95% interval."""
    found = clustered_mean(right, documents)
    return {"accuracy": found.gain, "accuracy_low": max(found.low, 0), "accuracy_high": min(found.high, 1)}


def tagger_parts(subject: Subject, metric: str) -> Parts | None:
    """The parts of a figure by document; None of one that has none."""
    if metric != "accuracy":
        return None
    test = _tagged(subject, "test", subject.sources)
    words = _words(test)
    right = _right(words, _answers(subject.model, subject.vocabulary, test)["predicted"])
    owners = words["document"].to_numpy()
    sums = [np.bincount(owners, right, test.height), np.bincount(owners, minlength=test.height)]
    units, groups = documents_and_groups(test)
    return Parts(tuple(units), tuple(groups), np.stack(sums, axis=1).astype(np.float64), ratio)
