"""The baseline for text classification: TF-IDF of characters and logistic regression."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

STRENGTHS = (1.0, 4.0, 16.0)
"""Inverse strengths of regularisation (scikit-learn's C) of which validation picks one: a fair rival."""


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
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=2, sublinear_tf=True)
    features = vectorizer.fit_transform(train.texts)
    models = {
        strength: LogisticRegression(C=strength, max_iter=1000).fit(features, train.labels)
        for strength in STRENGTHS
    }
    held_out = vectorizer.transform(validation.texts)
    best = max(STRENGTHS, key=lambda strength: models[strength].score(held_out, validation.labels))
    probabilities = np.zeros((len(test), labels))
    probabilities[:, models[best].classes_] = models[best].predict_proba(vectorizer.transform(test))
    return probabilities
