"""Test documents with labels, and what measures of classifiers share."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from tokenmill.core.errors import UserError
from tokenmill.core.splits import Split
from tokenmill.data.documents.labels import label_sets, numbers_of
from tokenmill.evaluation.scores import Probabilities
from tokenmill.evaluation.subject import Subject
from tokenmill.inference.classify import classify
from tokenmill.model.digest import CONTROL
from tokenmill.model.folder import load_model

Matrix = npt.NDArray[np.bool_]
"""Which labels documents have (documents, labels)."""


def labelled(subject: Subject, split: Split, sources: Sequence[str]) -> pl.DataFrame:
    """The documents of a split that have a label.

    Raises:
        UserError: there is none.
    """
    frame = subject.documents(split, sources).drop_nulls("label")
    if frame.is_empty():
        raise UserError(
            f"{subject.clean}: no labelled {split} documents of {', '.join(sources)}; "
            "see sources and clean.split in params.yaml"
        )
    return frame


def separator_of(subject: Subject) -> str:
    """What stands between the labels of a document, as the model was trained."""
    return str(subject.ancestry.get("finetune", {}).get("separator", ";"))


def known_labels(subject: Subject, found: pl.Series) -> None:
    """Refuse a label that the model does not have.

    Raises:
        UserError: one of ``found`` is not among its labels.
    """
    labels = subject.model.config.labels
    unknown = sorted(set(found) - set(labels))
    if unknown:
        raise UserError(
            f"{subject.clean}: label {unknown[0]!r} is not among those of {subject.folder} "
            f"({', '.join(labels)}); mend the labels of the source, or fine-tune the model anew"
        )


def label_matrix(frame: pl.DataFrame, subject: Subject) -> Matrix:
    """The labels (documents, labels) of documents that may have several.

    Raises:
        UserError: one is not among those of the model.
    """
    sets = label_sets(frame["label"], separator_of(subject))
    known_labels(subject, sets.explode().drop_nulls())
    labels = subject.model.config.labels
    rows = [[label in found for label in labels] for found in sets.to_list()]
    return np.array(rows, np.bool_).reshape(frame.height, len(labels))


def label_numbers(frame: pl.DataFrame, subject: Subject) -> npt.NDArray[np.float64]:
    """The labels (documents,) of a regression.

    Raises:
        UserError: one is no number.
    """
    numbers = numbers_of(frame["label"])
    if numbers.null_count():
        row = frame.row(int(numbers.is_null().arg_max() or 0), named=True)
        raise UserError(
            f"{subject.clean}: the label of {row['id']} is {row['label'][:40]!r}, no number; mend the labels "
            "of the source"
        )
    return numbers.to_numpy()


def control_outputs(subject: Subject, texts: Sequence[str]) -> Mapping[str, Probabilities]:
    """What the control says of texts; {} where the model has none."""
    if not (subject.folder / CONTROL).is_dir():
        return {}
    return {"control": classify(*load_model(subject.folder / CONTROL), texts)}
