"""Classification: each document has a label."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from tokenmill.core.errors import UserError
from tokenmill.core.splits import Split
from tokenmill.model.config import ModelConfig
from tokenmill.model.padding import pad_ngrams, pad_rows
from tokenmill.tasks.labelling import LabelledRows, Labelling, label_config
from tokenmill.tasks.settings import ClassificationSettings
from tokenmill.text.ngrams import ngram_buckets
from tokenmill.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class LabelledTexts:
    """Texts as the model reads them, and the numbers of their labels."""

    rows: Sequence[Sequence[int]]
    labels: npt.NDArray[np.int64]
    padding: int
    """Id that fills up shorter rows of a batch."""
    ngrams: Sequence[npt.NDArray[np.int64]] | None = None
    """Buckets of each text's n-grams, for a model that weighs them."""

    @property
    def documents(self) -> int:
        """One for each text."""
        return len(self.rows)

    @property
    def most_ngrams(self) -> int:
        """Those of the longest text."""
        return max(map(len, self.ngrams or ()), default=0)

    def examples(self, chosen: Sequence[int]) -> LabelledRows:
        """Some of the texts as one padded batch."""
        tokens_BT, attention_mask_BT = pad_rows([self.rows[index] for index in chosen], self.padding)
        ngrams_BG = None if self.ngrams is None else pad_ngrams([self.ngrams[index] for index in chosen])
        labels_B = torch.from_numpy(self.labels[list(chosen)])
        return LabelledRows(tokens_BT, attention_mask_BT, labels_B, len(chosen), ngrams_BG)


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
    labels = label_names(labelled, ", ".join(settings.sources), name)
    train, validation = (
        labelled_texts(labelled, split, labels, vocabulary, settings) for split in ("train", "validation")
    )
    pooling = settings.pooling or base.pooling
    config = label_config(
        base,
        settings,
        labels,
        pooling=pooling,
        ngrams=settings.ngrams,
        # All positions stand for the text where they are averaged: none need be blind to what follows it.
        causal=base.causal and (pooling != "mean" or base.cell != "attention"),
    )
    return Labelling(
        config, train=train, validation=validation, batch_size=settings.batch_size, seed=settings.seed
    )


def label_names(labelled: pl.DataFrame, source: str, name: str) -> list[str]:
    """The labels of documents that have one, sorted.

    Raises:
        UserError: there are fewer than two, or one that no training document has: it cannot be learnt.
    """
    names = sorted(labelled["label"].unique().to_list())
    if len(names) < 2:
        raise UserError(
            f"params.yaml: finetune.{name}.source is {source}, which has {len(names)} label(s); "
            "map a column to `label` or name labels by file under sources"
        )
    by_split = labelled.group_by("label").agg("split", "id").sort("label")
    for label, splits, ids in by_split.iter_rows():
        if "train" not in splits:
            raise UserError(
                f"params.yaml: finetune.{name}: label {label!r} of {source} is in the {splits[0]} split "
                f"({ids[0]}) and on no document for training; mend the label, add documents, or lower the "
                "shares of clean.split"
            )
    return names


def labelled_texts(
    labelled: pl.DataFrame,
    split: Split,
    labels: Sequence[str],
    vocabulary: Vocabulary,
    settings: ClassificationSettings,
) -> LabelledTexts:
    """One split's documents, encoded; a text's label is its number in the order of ``labels``.

    Raises:
        UserError: the split has no labelled document.
    """
    frame = labelled.filter(pl.col("split") == split)
    if frame.is_empty():
        sources = ", ".join(settings.sources)
        raise UserError(f"{sources}: no labelled {split} documents; see clean.split in params.yaml")
    numbers = {name: number for number, name in enumerate(labels)}
    texts = frame["text"].to_list()
    return LabelledTexts(
        vocabulary.encode(texts, settings.max_tokens),
        np.array([numbers[name] for name in frame["label"]], np.int64),
        vocabulary.pad,
        [ngram_buckets(text, settings.ngrams) for text in texts] if settings.ngrams else None,
    )
