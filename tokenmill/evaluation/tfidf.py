"""The baseline for classification of texts: TF-IDF of characters and a linear model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier

STRENGTHS = (1.0, 4.0, 16.0)
"""Inverse strengths of regularisation (scikit-learn's C) of which validation picks one: a fair rival."""

Given = tuple[Sequence[str], npt.NDArray[Any]]
"""Texts, and what is to be said of each."""


@dataclass(frozen=True)
class Labelled:
    """Texts and the numbers of their labels."""

    texts: Sequence[str]
    labels: npt.NDArray[np.int64]


def tfidf_probabilities(
    train: Labelled, validation: Labelled, test: Sequence[str], labels: int
) -> npt.NDArray[np.float64]:
    """Probabilities (test texts, labels), with the strength that is best on validation.

    Features are runs of 1 to 3 characters that occur in two texts at least, with 1 + log(count) as term
    frequency. A label that training never saw gets probability 0.
    """
    model, features = _best(
        (train.texts, train.labels),
        (validation.texts, validation.labels),
        test,
        lambda strength: LogisticRegression(C=strength, max_iter=1000),
        lambda model, features, actual: float(model.score(features, actual)),
    )
    probabilities = np.zeros((len(test), labels))
    probabilities[:, model.classes_] = model.predict_proba(features)
    return probabilities


def tfidf_several(
    train: Given,
    validation: Given,
    test: Sequence[str],
    figure: Callable[[npt.NDArray[np.bool_], npt.NDArray[np.float64]], float],
) -> npt.NDArray[np.float64]:
    """Probabilities (test texts, labels) of texts with a row of labels each: a model a label.

    ``figure`` judges probabilities by the true labels; validation picks the strength by it.
    """
    model, features = _best(
        train,
        validation,
        test,
        lambda strength: OneVsRestClassifier(LogisticRegression(C=strength, max_iter=1000)),
        lambda model, features, actual: figure(actual, model.predict_proba(features)),
    )
    found: npt.NDArray[np.float64] = model.predict_proba(features)
    return found


def tfidf_ridge(train: Given, validation: Given, test: Sequence[str]) -> npt.NDArray[np.float64]:
    """Numbers (test texts,), with the strength that has the least absolute error on validation."""
    model, features = _best(
        train,
        validation,
        test,
        lambda strength: Ridge(alpha=1 / strength),
        lambda model, features, actual: -float(np.abs(model.predict(features) - actual).mean()),
    )
    found: npt.NDArray[np.float64] = model.predict(features)
    return found


def _best(
    train: Given,
    validation: Given,
    test: Sequence[str],
    build: Callable[[float], Any],
    merit: Callable[[Any, Any, npt.NDArray[Any]], float],
) -> tuple[Any, Any]:
    """The model whose strength is best on validation, and the features of the test texts."""
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=2, sublinear_tf=True)
    features = vectorizer.fit_transform(train[0])
    models = [build(strength).fit(features, train[1]) for strength in STRENGTHS]
    held_out = vectorizer.transform(validation[0])
    # Of equally good ones the first: the smoothest.
    best = max(models, key=lambda model: merit(model, held_out, validation[1]))
    return best, vectorizer.transform(test)
