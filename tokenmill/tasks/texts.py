"""Labelled documents as a model reads them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tokenmill.core.errors import UserError
from tokenmill.core.splits import Split
from tokenmill.data.documents.reading import read_documents
from tokenmill.tasks.settings import FinetuneSettings

if TYPE_CHECKING:
    from tokenmill.tasks.classification import LabelledTexts
    from tokenmill.text.vocabulary import Vocabulary


def label_names(clean: Path, source: str, task: str) -> list[str]:
    """The labels of a source's documents, sorted.

    Raises:
        UserError: there are fewer than two, or one that no training document has: it cannot be learnt.
    """
    documents = read_documents(clean, source).drop_nulls("label")
    names = sorted(documents["label"].unique().to_list())
    if len(names) < 2:
        raise UserError(
            f"params.yaml: finetune.{task}.source is {source}, which has {len(names)} label(s); "
            "map a column to `label` or name labels by file under sources"
        )
    by_split = documents.group_by("label").agg("split", "id").sort("label")
    for label, splits, ids in by_split.iter_rows():
        if "train" not in splits:
            raise UserError(
                f"{clean}: label {label!r} of {source} is in the {splits[0]} split ({ids[0]}) and on no "
                "document for training; mend the label, add documents, or lower the shares of clean.split"
            )
    return names


def labelled_texts(
    vocabulary: "Vocabulary", clean: Path, settings: FinetuneSettings, split: Split, labels: Sequence[str]
) -> "LabelledTexts":
    """One split's labelled documents, encoded and cut at ``max_tokens``.

    Raises:
        UserError: the split has no labelled document.
    """
    from tokenmill.tasks.classification import LabelledTexts
    from tokenmill.text.ngrams import ngram_buckets

    frame = read_documents(clean, settings.source, split).drop_nulls("label")
    if frame.is_empty():
        raise UserError(
            f"{clean}: no labelled {split} documents of {settings.source}; see clean.split in params.yaml"
        )
    numbers = {name: number for number, name in enumerate(labels)}
    texts = frame["text"].to_list()
    return LabelledTexts(
        vocabulary.encode(texts, settings.max_tokens),
        np.array([numbers[name] for name in frame["label"]], np.int64),
        vocabulary.pad,
        [ngram_buckets(text, settings.ngrams) for text in texts] if settings.ngrams else None,
    )
