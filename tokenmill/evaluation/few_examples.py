"""Classifiers from a handful of labelled texts: which are drawn, and what is learned from their vectors."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from tokenmill.core.errors import UserError
from tokenmill.evaluation.scores import clustered_mean

Numbers = npt.NDArray[np.int64]


def draw_examples(labels: Sequence[int], count: int, draw: random.Random, where: str) -> list[int]:
    """Places of ``count`` examples in an order of chance, with labels as evenly as they come.

    Raises:
        UserError: a label has too few examples.
    """
    kinds = sorted(set(labels))
    draw.shuffle(kinds)
    chosen: list[int] = []
    for number, kind in enumerate(kinds):
        wanted = count // len(kinds) + (number < count % len(kinds))
        there = [place for place, label in enumerate(labels) if label == kind]
        if wanted > len(there):
            raise UserError(
                f"{where}: {count} examples need {wanted} training documents of one label, and one has "
                f"{len(there)}; lower shots"
            )
        chosen += draw.sample(there, wanted)
    draw.shuffle(chosen)
    return chosen


def tfidf(training: Sequence[str]) -> Callable[[Sequence[str]], Any]:
    """What turns texts into sparse vectors of length 1: runs of 1 to 3 characters, weighted by training text.

    That text needs no labels, so that the rival knows as much of it as a pretrained model does.
    """
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True)
    transform: Callable[[Sequence[str]], Any] = vectorizer.fit(training).transform
    return transform


def logistic_predictions(vectors: Any, labels: Numbers, asked: Any) -> Numbers:
    """Labels (asked,) by logistic regression on vectors (examples, width) with labels (examples,).

    scikit-learn's default strength, as SetFit has it (Tunstall et al. 2022). Examples of one label alone say
    that label.
    """
    if len(set(labels.tolist())) == 1:
        return np.full(asked.shape[0], labels[0])
    found: Numbers = LogisticRegression(max_iter=1000).fit(vectors, labels).predict(asked)
    return found


def spread(runs: Sequence[npt.NDArray[np.bool_]]) -> dict[str, float]:
    """The mean accuracy of runs on the same documents with its interval, the worst and the best run.

    Each run says which documents (N,) it had right. The interval takes a document's answers together; it says
    nothing of other examples or templates, whose spread stands beside it.
    """
    each = np.array([run.mean() for run in runs])
    documents = np.tile(np.arange(len(runs[0])), len(runs))
    found = clustered_mean(np.concatenate(runs).astype(np.float64), documents)
    return {
        "accuracy": found.gain,
        "accuracy_low": max(0.0, found.low),
        "accuracy_high": min(1.0, found.high),
        "lowest": float(each.min()),
        "highest": float(each.max()),
        "deviation": float(each.std(ddof=1)) if len(each) > 1 else 0.0,
        "runs": len(runs),
    }
