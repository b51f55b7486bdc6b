"""Labelled documents as a model reads them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tokenmill.core.errors import UserError
from tokenmill.core.splits import Split
from tokenmill.data.documents.reading import read_documents
from tokenmill.tasks.classification import LabelledTexts
from tokenmill.text.ngrams import ngram_buckets
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
    vocabulary: Vocabulary,
    clean: Path,
    source: str,
    split: Split,
    labels: Sequence[str],
    *,
    max_tokens: int,
    ngrams: int,
) -> LabelledTexts:
    """One split's labelled documents, encoded and cut at ``max_tokens``.

    Args:
        vocabulary: of the model that reads them.
        clean: the folder of clean documents.
        source: whose documents.
        split: which of them.
        labels: all labels; a text's is a number in this order.
        max_tokens: tokens that are kept of a text.
        ngrams: longest runs of characters to look up, 0 for none.

    Raises:
        UserError: the split has no labelled document.
    """
    frame = read_documents(clean, source, split).drop_nulls("label")
    if frame.is_empty():
        raise UserError(f"{clean}: no labelled {split} documents of {source}; see clean.split in params.yaml")
    numbers = {name: number for number, name in enumerate(labels)}
    texts = frame["text"].to_list()
    return LabelledTexts(
        vocabulary.encode(texts, max_tokens),
        np.array([numbers[name] for name in frame["label"]], np.int64),
        vocabulary.pad,
        [ngram_buckets(text, ngrams) for text in texts] if ngrams else None,
    )
