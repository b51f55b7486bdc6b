"""How many entities are found, of which labels, and what is wrong with those that are not.

An entity is right if its place and its label are: sets of (begin, end, label) are compared, as the shared
task of CoNLL-2003 does (Tjong Kim Sang & De Meulder 2003).
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tokenmill.data.documents.entities import EntityDocument
from tokenmill.data.documents.spans import Span
from tokenmill.evaluation.scores import CONFIDENCE, Comparison

Found = Sequence[Sequence[Span]]
"""The entities that something finds in each document."""

RESAMPLES = 2000
NOTHING = "–"
"""Of a confusion: no entity at exactly this place."""


def counts(documents: Sequence[EntityDocument], found: Found) -> npt.NDArray[np.int64]:
    """Entities (documents, 3) that are right, that there are, and that are found."""
    rows = [
        (len(set(document.entities) & set(said)), len(document.entities), len(set(said)))
        for document, said in zip(documents, found, strict=True)
    ]
    return np.array(rows, np.int64)


def shares(counted: npt.NDArray[Any]) -> dict[str, float]:
    """Micro-averaged F1, precision and recall of counts (..., 3), added up."""
    right, true, said = counted.reshape(-1, 3).sum(0).tolist()
    return {
        "f1": 2 * right / max(true + said, 1),
        "precision": right / max(said, 1),
        "recall": right / max(true, 1),
    }


def f1_interval(by_group: npt.NDArray[np.int64], seed: int) -> tuple[float, float]:
    """95% interval of F1 by the bootstrap over groups (Efron & Tibshirani 1993): entities of a group, such
    as an article, hang together. ``by_group`` is (groups, 3)."""
    low, high = np.quantile(_resampled_f1(by_group, seed), _TAILS)
    return float(low), float(high)


def compare_f1(by_group: npt.NDArray[np.int64], other: npt.NDArray[np.int64], seed: int) -> Comparison:
    """The gain in F1 over another's on the same groups.

    The interval is of the paired bootstrap; the p-value of approximate randomisation (Noreen 1989, Yeh 2000):
    how often as large a difference, either way, comes of swapping the two in half of the groups at random.
    """
    gain = shares(by_group)["f1"] - shares(other)["f1"]
    low, high = np.quantile(_resampled_f1(by_group, seed) - _resampled_f1(other, seed), _TAILS)
    random = np.random.default_rng([seed, 1])
    swapped = random.integers(0, 2, (RESAMPLES, len(by_group)), np.int8).astype(np.float64)
    moved = swapped @ (other - by_group)
    differences = _f1(by_group.sum(0) + moved) - _f1(other.sum(0) - moved)
    as_large = int((np.abs(differences) >= abs(gain) - 1e-12).sum())
    return Comparison(gain, float(low), float(high), (as_large + 1) / (RESAMPLES + 1))


_TAILS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)


def _resampled_f1(by_group: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.float64]:
    groups = len(by_group)
    random = np.random.default_rng([seed, 0])
    drawn = random.multinomial(groups, np.full(groups, 1 / groups), RESAMPLES)
    return _f1(drawn @ by_group)


def _f1(counted: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    right, true, said = counted[:, 0], counted[:, 1], counted[:, 2]
    return np.asarray(2 * right / np.maximum(true + said, 1), np.float64)


def by_group(documents: Sequence[EntityDocument], counted: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Counts (groups, 3) of counts (documents, 3), groups in order of their first document."""
    numbers: dict[str, int] = {}
    group = [numbers.setdefault(document.group, len(numbers)) for document in documents]
    summed = np.zeros((len(numbers), 3), np.int64)
    np.add.at(summed, group, counted)
    return summed


def by_label(documents: Sequence[EntityDocument], found: Found) -> dict[str, dict[str, float]]:
    """F1, precision and recall of each label, and how many entities have it."""
    labels = sorted({span.label for document in documents for span in document.entities})
    result = {}
    for label in labels:
        own = [
            document._replace(entities=tuple(s for s in document.entities if s.label == label))
            for document in documents
        ]
        counted = counts(own, [[span for span in said if span.label == label] for said in found])
        result[label] = {**shares(counted), "entities": int(counted[:, 1].sum())}
    return result


def recall_of_unseen(
    documents: Sequence[EntityDocument], found: Found, seen: frozenset[str]
) -> tuple[float, int]:
    """Recall on the entities whose words no training entity has, and how many they are."""
    unseen = right = 0
    for document, said in zip(documents, found, strict=True):
        for span in document.entities:
            if document.text[span.begin : span.end] not in seen:
                unseen += 1
                right += span in said
    return right / max(unseen, 1), unseen


def errors(documents: Sequence[EntityDocument], found: Found) -> dict[str, int]:
    """What is wrong, by kind: found with another boundary, with another label, with both; found where none
    is; and missed, where nothing that is found touches an entity."""
    kinds = Counter[str]()
    for document, said in zip(documents, found, strict=True):
        wrong, left = set(said) - set(document.entities), set(document.entities) - set(said)
        for span in wrong:
            touching = [other for other in document.entities if _touch(span, other)]
            if any(other[:2] == span[:2] for other in touching):
                kinds["wrong_label"] += 1
            elif any(other.label == span.label for other in touching):
                kinds["wrong_boundary"] += 1
            else:
                kinds["wrong_both" if touching else "invented"] += 1
        kinds["missed"] += sum(not any(_touch(span, other) for other in said) for span in left)
    return {kind: kinds[kind] for kind in ERRORS}


ERRORS = ("wrong_boundary", "wrong_label", "wrong_both", "invented", "missed")


def _touch(span: Span, other: Span) -> bool:
    return span.begin < other.end and other.begin < span.end


def confusion(documents: Sequence[EntityDocument], found: Found, labels: Sequence[str]) -> pl.DataFrame:
    """actual, predicted, documents: how many places with one label have which other, or are no entity."""
    pairs = Counter[tuple[str, str]]()
    for document, said in zip(documents, found, strict=True):
        true = {span[:2]: span.label for span in document.entities}
        answers = {span[:2]: span.label for span in said}
        pairs.update((true.get(p, NOTHING), answers.get(p, NOTHING)) for p in true.keys() | answers.keys())
    names = [*labels, NOTHING]
    rows = [(actual, predicted, pairs[actual, predicted]) for actual in names for predicted in names]
    return pl.DataFrame(rows, ["actual", "predicted", "documents"], orient="row")
