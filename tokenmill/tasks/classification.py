"""Classification: each document has a label, several of them, or a number."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from tokenmill.core.errors import UserError
from tokenmill.core.splits import Split
from tokenmill.data.documents.labels import MANY_NUMBERS, label_sets, numbers_of
from tokenmill.model.config import ModelConfig, ProblemType
from tokenmill.tasks.labelling import Labelling, label_config
from tokenmill.tasks.settings import ClassificationSettings, Problem
from tokenmill.tasks.text_labels import LabelledTexts, MultiLabel, Regression
from tokenmill.text.ngrams import ngram_buckets
from tokenmill.text.vocabulary import Vocabulary

PROBLEMS: Mapping[Problem, tuple[ProblemType, Callable[..., Labelling]]] = {
    "single-label": ("single_label_classification", Labelling),
    "multi-label": ("multi_label_classification", MultiLabel),
    "regression": ("regression", Regression),
}
"""How the model says what kind of answer it gives, and what trains it."""

NUMBER = "value"
"""Name of the one output of a regression."""


class Targets(NamedTuple):
    """What the documents of a source ask for."""

    names: list[str]
    """Of the outputs."""
    numbers: Callable[[pl.DataFrame], npt.NDArray[np.int64] | npt.NDArray[np.float32]]
    """Of documents: the number of each one's label (N,), or the outputs asked for (N, names)."""


def new_task(
    name: str,
    settings: ClassificationSettings,
    documents: pl.DataFrame,
    vocabulary: Vocabulary,
    base: ModelConfig,
) -> Labelling:
    """The task of an entry of ``finetune`` on its source's documents, for the backbone of ``base``.

    Raises:
        UserError: the documents have no labels, or a split lacks some.
    """
    labelled = documents.drop_nulls("label")
    targets = TARGETS[settings.problem](labelled, settings, name)
    problem_type, task = PROBLEMS[settings.problem]
    train, validation = (
        labelled_texts(labelled, split, targets, vocabulary, settings) for split in ("train", "validation")
    )
    pooling = settings.pooling or base.pooling
    config = label_config(
        base,
        settings,
        targets.names,
        problem_type=problem_type,
        pooling=pooling,
        ngrams=settings.ngrams,
        # All positions stand for the text where they are averaged: none need be blind to what follows it.
        causal=base.causal and (pooling != "mean" or base.cell != "attention"),
    )
    return task(
        config, train=train, validation=validation, batch_size=settings.batch_size, seed=settings.seed
    )


def one_label(labelled: pl.DataFrame, settings: ClassificationSettings, name: str) -> Targets:
    """The labels of documents that have one, sorted.

    Raises:
        UserError: there are fewer than two, or one that no training document has: it cannot be learnt.
    """
    names = sorted(labelled["label"].unique().to_list())
    if len(names) > MANY_NUMBERS and numbers_of(labelled["label"]).is_not_null().all():
        print(
            f"finetune.{name}: the labels of {settings.source_names} are {len(names):,} different numbers, "
            "each learned as a name; `problem: regression` learns them as numbers"
        )
    _check_names(names, labelled.select("label", "split", "id"), settings.source_names, name)
    places = {label: number for number, label in enumerate(names)}
    return Targets(names, lambda frame: np.array([places[label] for label in frame["label"]], np.int64))


def several_labels(labelled: pl.DataFrame, settings: ClassificationSettings, name: str) -> Targets:
    """The labels that stand, separated, in those of documents, sorted.

    Raises:
        UserError: there are fewer than two, or one that no training document has: it cannot be learnt.
    """
    sets = labelled.select("split", "id", label=label_sets(labelled["label"], settings.separator))
    single = sets.explode("label").drop_nulls("label")
    names = sorted(single["label"].unique().to_list())
    _check_names(names, single, settings.source_names, name)
    return Targets(
        names,
        lambda frame: np.array(
            [
                [label in labels for label in names]
                for labels in label_sets(frame["label"], settings.separator).to_list()
            ],
            np.float32,
        ).reshape(frame.height, len(names)),
    )


def _check_names(names: Sequence[str], single: pl.DataFrame, source: str, name: str) -> None:
    if len(names) < 2:
        raise UserError(
            f"params.yaml: finetune.{name}.source is {source}, which has {len(names)} label(s); "
            "map a column to `label` or name labels by file under sources"
        )
    by_split = single.group_by("label", maintain_order=True).agg("split", "id").sort("label")
    for label, splits, ids in by_split.iter_rows():
        if "train" not in splits:
            raise UserError(
                f"params.yaml: finetune.{name}: label {label!r} of {source} is in the {splits[0]} split "
                f"({ids[0]}) and on no document for training; mend the label, add documents, or lower the "
                "shares of clean.split"
            )


def a_number(labelled: pl.DataFrame, settings: ClassificationSettings, name: str) -> Targets:
    """The labels of documents as numbers.

    Raises:
        UserError: one is no number, or all of training are the same.
    """
    where = f"params.yaml: finetune.{name}.problem is regression"
    found = numbers_of(labelled["label"])
    if found.null_count():
        row = labelled.row(int(found.is_null().arg_max() or 0), named=True)
        raise UserError(
            f"{where}, but the label of {row['id']} is {row['label'][:40]!r}, no number; mend it, or choose "
            "another problem"
        )
    if found.filter(labelled["split"] == "train").n_unique() < 2:
        raise UserError(
            f"{where}, but {settings.source_names} has fewer than two different numbers for training; map "
            "the column of the numbers to `label` under sources"
        )
    return Targets([NUMBER], lambda frame: numbers_of(frame["label"]).cast(pl.Float32).to_numpy()[:, None])


TARGETS: Mapping[Problem, Callable[[pl.DataFrame, ClassificationSettings, str], Targets]] = {
    "single-label": one_label,
    "multi-label": several_labels,
    "regression": a_number,
}
"""What reads the labels of each problem."""


def labelled_texts(
    labelled: pl.DataFrame,
    split: Split,
    targets: Targets,
    vocabulary: Vocabulary,
    settings: ClassificationSettings,
) -> LabelledTexts:
    """One split's documents, encoded.

    Raises:
        UserError: the split has no labelled document.
    """
    frame = labelled.filter(pl.col("split") == split)
    if frame.is_empty():
        sources = settings.source_names
        raise UserError(f"{sources}: no labelled {split} documents; see clean.split in params.yaml")
    texts = frame["text"].to_list()
    return LabelledTexts(
        vocabulary.encode(texts, settings.max_tokens),
        targets.numbers(frame),
        vocabulary.pad,
        [ngram_buckets(text, settings.ngrams) for text in texts] if settings.ngrams else None,
        balanced(targets.numbers(labelled.filter(pl.col("split") == "train")), len(targets.names))
        if settings.class_weights
        else None,
    )


def balanced(labels: npt.NDArray[np.int64] | npt.NDArray[np.float32], names: int) -> npt.NDArray[np.float32]:
    """Weights (names,) by which every label has the same say in all.

    Of single labels (N,) each weighs ``N / (names x its documents)``; of several (N, names) a label's
    presence weighs as much as its absence.
    """
    if labels.ndim == 1:
        counts = np.bincount(labels.astype(np.int64), minlength=names)
        return (len(labels) / names / counts).astype(np.float32)
    there = labels.sum(0)
    return (len(labels) - there).clip(1) / there.clip(1)
