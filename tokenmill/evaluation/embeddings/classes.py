"""Labels from vectors: k examples of each by logistic regression, and descriptions without any example.

The protocol is SetFit's (Tunstall et al. 2022) without its training: k examples of each label, drawn several
times, the mean with its spread.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tokenmill.core.errors import UserError
from tokenmill.evaluation.embeddings.settings import ClassesSettings
from tokenmill.evaluation.few_examples import draw_examples, logistic_predictions, spread, tfidf
from tokenmill.evaluation.scores import accuracy_of

Vectors = npt.NDArray[np.float32]
Embed = Callable[[Sequence[str]], Vectors]
"""Texts to vectors (texts, width) of length 1."""

RIVAL = "TF-IDF vectors"


def measure_classes(
    embed: Embed, settings: ClassesSettings, train: pl.DataFrame, test: pl.DataFrame, where: str
) -> dict[str, Any]:
    """Accuracy by number of examples of each label; the rival has the same examples.

    Raises:
        UserError: fewer than two labels, a label with too few examples, or one that descriptions lack.
    """
    labels = sorted(set(train["label"]) | set(test["label"]))
    if len(labels) < 2:
        raise UserError(f"{where}.source: all documents have the label {labels[0]!r}; name another source")
    learned, actual = (np.array([labels.index(x) for x in frame["label"]]) for frame in (train, test))
    texts, asked = train["text"].to_list(), test["text"].to_list()
    weigh = tfidf(texts)
    there = {"model": embed(asked), "tfidf": weigh(asked)}
    curve = []
    for shots in sorted(set(settings.shots)):
        runs: dict[str, list[npt.NDArray[np.bool_]]] = {name: [] for name in there}
        for draw in range(settings.draws):
            chance = random.Random(f"{settings.seed}:{shots}:{draw}")
            chosen = draw_examples(learned.tolist(), shots * len(labels), chance, f"{where}.shots")
            examples = [texts[n] for n in chosen]
            for name, vectors in (("model", embed(examples)), ("tfidf", weigh(examples))):
                found = logistic_predictions(vectors, learned[chosen], there[name])
                runs[name].append(found == actual)
        curve.append(
            {
                "shots": shots,
                **spread(runs["model"]),
                "rivals": {"tfidf": {"label": f"{RIVAL}, the same examples", **spread(runs["tfidf"])}},
            }
        )
    figures: dict[str, Any] = {
        "documents": test.height,
        "labels": len(labels),
        "majority": float(np.bincount(actual).max() / len(actual)),
        "curve": curve,
    }
    if settings.descriptions:
        figures["zero_shot"] = _zero_shot(embed, weigh, settings, labels, there, actual, where)
    return figures


def _zero_shot(
    embed: Embed,
    weigh: Callable[[Sequence[str]], Any],
    settings: ClassesSettings,
    labels: Sequence[str],
    there: dict[str, Any],
    actual: npt.NDArray[np.int64],
    where: str,
) -> dict[str, Any]:
    """The label whose description is nearest by cosine."""
    if missing := sorted(set(labels) - set(settings.descriptions)):
        raise UserError(f"{where}.descriptions says nothing of the label {missing[0]!r}; add it")
    said = [settings.descriptions[label] for label in labels]
    rights = {
        name: nearest(there[name], vectors)[:, 0] == actual
        for name, vectors in (("model", embed(said)), ("tfidf", weigh(said)))
    }
    return {
        **accuracy_of(rights["model"]),
        "rivals": {"tfidf": {"label": f"{RIVAL} of the same descriptions", **accuracy_of(rights["tfidf"])}},
    }


def nearest(vectors: Any, others: Any) -> npt.NDArray[np.int64]:
    """For each of ``vectors`` the places of ``others``, nearest first (cosine, all of length 1)."""
    similar = vectors @ others.T
    dense = similar if isinstance(similar, np.ndarray) else similar.toarray()
    found: npt.NDArray[np.int64] = np.argsort(-dense, axis=1, kind="stable")
    return found
