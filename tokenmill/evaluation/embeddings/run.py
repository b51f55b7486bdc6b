"""All entries of ``evaluate.NAME.embeddings``."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from tokenmill.core.errors import UserError
from tokenmill.evaluation.drawing import drawn
from tokenmill.evaluation.embeddings.classes import Vectors, measure_classes
from tokenmill.evaluation.embeddings.retrieval import measure_retrieval
from tokenmill.evaluation.embeddings.settings import ClassesSettings
from tokenmill.evaluation.subject import Subject
from tokenmill.inference.embed import embed


def measure_embeddings(subject: Subject, name: str) -> dict[str, Any]:
    """The figures of each entry.

    Raises:
        UserError: an entry's source has no labels or targets, or too few documents.
    """
    found = {}
    for entry, settings in subject.settings.embeddings.items():
        where = f"params.yaml: evaluate.{name}.embeddings.{entry}"

        def vectors(texts: Sequence[str], pooling: Any = settings.pooling) -> Vectors:
            return embed(subject.model, subject.vocabulary, texts, pooling=pooling, normalise=True)

        train, test = (subject.documents(split, [settings.source]) for split in ("train", "test"))
        if isinstance(settings, ClassesSettings):
            train, test = (_with(frame, "label", where) for frame in (train, test))
            test = test[drawn(test.height, settings.items, settings.seed)]
            figures = measure_classes(vectors, settings, train, test, where)
        else:
            test = _with(test, "target", where)
            test = test[drawn(test.height, settings.items, settings.seed)]
            figures = measure_retrieval(vectors, train, test, where)
        found[entry] = {"kind": settings.kind, **figures}
    return found


def _with(frame: pl.DataFrame, column: str, where: str) -> pl.DataFrame:
    there = frame.drop_nulls(column).sort("id")
    if there.is_empty():
        raise UserError(f"{where}.source: its documents have no {column}; name a source that has them")
    return there
