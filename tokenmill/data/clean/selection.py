"""Documents that resemble texts of the role ``good`` more than those of the role ``bad``.

A linear classifier of word and word-pair counts, trained on the user's own samples: it needs no download, and
scores about 20 MB of text a second. DCLM (Li et al. 2024) found a linear classifier to be the strongest of
the filters that they tried. What it learns is only as good as the two samples: they should differ in quality,
and in nothing else, or it selects topics, languages or lengths.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csr_array

from tokenmill.core.errors import UserError
from tokenmill.data.clean.corpus import Corpus, Numbers
from tokenmill.data.shingles.units import shingles, units

FEATURES = 1 << 18
"""Counters that units and pairs of units are hashed to; a weight each, 2 MB."""
LEAST = 50
"""Fewer texts of a kind than this teach nothing."""
FOLDS = 5


@dataclass(frozen=True)
class Selection:
    """What was learnt, and what it says of each document."""

    scores: npt.NDArray[np.float64]
    """The probability that a document is good, for each of those asked about."""
    report: dict[str, Any]
    """good, bad: texts learnt from. accuracy: share of them told apart by a model that did not see them."""


def select(corpus: Corpus, passed: Numbers, good: Corpus, bad: Corpus) -> Selection:
    """Learn from the texts of ``good`` and ``bad``, and score all of ``passed``; the caller decides.

    Raises:
        UserError: there are too few texts of a kind.
    """
    samples = {"good": _texts(good, "good"), "bad": _texts(bad, "bad")}
    counted = features(pl.concat(list(samples.values())))
    is_good = np.repeat([True, False], [len(own) for own in samples.values()])
    accuracy = _accuracy(counted, is_good)
    model = _model().fit(counted, is_good)
    scores = [
        model.predict_proba(features(frame["text"]))[:, 1] for _, frame in corpus.read(["text"], passed)
    ]
    report = {**{name: len(own) for name, own in samples.items()}, "accuracy": accuracy}
    return Selection(np.concatenate([np.zeros(0), *scores]), report)


def features(texts: pl.Series) -> csr_array:
    """(texts, FEATURES) weights of the units and pairs of neighbouring units in each text.

    A weight is the square root of a count, and each row has length 1: a long text is not better for it.
    """
    found = units(texts)
    pairs, pair_offsets, _ = shingles(found, 2)
    owner = np.arange(len(texts))
    rows = np.concatenate([np.repeat(owner, np.diff(found.offsets)), np.repeat(owner, np.diff(pair_offsets))])
    columns = (np.concatenate([found.hashes, pairs]) % np.uint64(FEATURES)).astype(np.int64)
    places, counts = np.unique(rows * FEATURES + columns, return_counts=True)
    rows, columns = np.divmod(places, FEATURES)
    totals = np.bincount(rows, weights=counts, minlength=len(texts))
    weights = np.sqrt(counts / totals[rows])
    table = (weights, (rows.astype(np.int32), columns.astype(np.int32)))
    return csr_array(table, shape=(len(texts), FEATURES))


def _model() -> Any:
    """A scikit-learn classifier; imported here, for most runs select nothing."""
    from sklearn.linear_model import LogisticRegression

    # Balanced: a file's size says nothing of how common its kind is. Liblinear takes half a second for what
    # takes lbfgs twenty, where most features are zero.
    return LogisticRegression(C=4.0, class_weight="balanced", solver="liblinear")


def _accuracy(counted: csr_array, good: npt.NDArray[np.bool_]) -> float:
    """Mean of the shares of good and of bad texts that a model tells right which did not see them."""
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=1)
    told = cross_val_predict(_model(), counted, good, cv=folds)
    return round(float(np.mean([(told[good == kind] == kind).mean() for kind in (True, False)])), 4)


def _texts(sample: Corpus, role: str) -> pl.Series:
    """The different texts of a sample."""
    parts = [frame["text"] for _, frame in sample.read(["text"])]
    texts = pl.concat([pl.Series("text", [], pl.String), *parts]).unique(maintain_order=True)
    if not len(sample.paths):
        raise UserError(
            f"params.yaml: clean.selection learns from {role} texts, and no source has any; "
            f"add a source with `role: {role}`"
        )
    if len(texts) < LEAST:
        raise UserError(
            f"params.yaml: clean.selection: {len(texts)} different texts of sources with `role: {role}` are "
            f"too few to learn from; add more, {LEAST} at least and better thousands"
        )
    return texts
