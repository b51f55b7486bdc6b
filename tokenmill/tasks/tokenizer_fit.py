"""A warning before fine-tuning on text that the tokenizer of the model to start from does not know."""

import sys
from pathlib import Path

import polars as pl

from tokenmill.model.folder import ANCESTRY
from tokenmill.model.tensors import read_settings
from tokenmill.text.fit import misfit
from tokenmill.text.vocabulary import Vocabulary

TEXTS, CHARACTERS = 500, 1000
"""Of about so many training texts of a source, up to so many characters, it is looked how well they fit."""


def check_fit(documents: pl.DataFrame, vocabulary: Vocabulary, init_from: Path) -> None:
    """Print a line for each source of ``documents`` (columns source, text, split) that does not fit."""
    path = init_from / ANCESTRY
    pretrain = read_settings(path).get("pretrain", {}) if path.exists() else {}
    remedy = "begin with a model whose tokenizer knows such text"
    if tokenizer := pretrain.get("tokenizer"):
        remedy = f"add it to tokenize.{tokenizer}.sources in params.yaml, and pretrain on it, too"
    training = documents.filter(pl.col("split") == "train")
    for (source,), own in training.group_by("source", maintain_order=True):
        texts = own["text"].gather_every(max(1, len(own) // TEXTS)).str.slice(0, CHARACTERS)
        ids = pl.Series(vocabulary.encode(texts), dtype=pl.List(pl.Int64)).explode(empty_as_null=False)
        tokens = len(ids) - int(ids.is_in(list(vocabulary.special)).sum())
        if said := misfit(str(source), int(texts.str.len_bytes().sum()), tokens, remedy):
            print(said, file=sys.stderr, flush=True)
