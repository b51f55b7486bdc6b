"""The TF-IDF baseline learns what there is to learn and copes with odd data."""

import numpy as np

from tests.samples import reviews
from tokenmill.evaluation.tfidf import Labelled, tfidf_probabilities


def labelled(count: int, seed: int) -> Labelled:
    documents = reviews(count, seed)
    labels = np.array([int(label == "positive") for _, label in documents])
    return Labelled([text for text, _ in documents], labels)


def test_learns_which_words_are_good() -> None:
    test = labelled(80, 3)
    probabilities = tfidf_probabilities(labelled(200, 1), labelled(40, 2), test.texts, 2)
    assert probabilities.shape == (80, 2)
    np.testing.assert_allclose(probabilities.sum(1), 1)
    assert (probabilities.argmax(1) == test.labels).mean() > 0.95


def test_a_label_that_training_lacks_gets_no_probability() -> None:
    train = labelled(100, 1)
    probabilities = tfidf_probabilities(train, labelled(20, 2), labelled(10, 3).texts, 3)
    assert probabilities.shape == (10, 3) and (probabilities[:, 2] == 0).all()


def test_the_same_data_give_the_same_probabilities() -> None:
    first, second = (
        tfidf_probabilities(labelled(60, 1), labelled(20, 2), labelled(10, 3).texts, 2) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
