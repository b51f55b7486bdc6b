"""Canaries among the training documents of a run (:mod:`tokenmill.text.canaries`)."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from tokenmill.text.canaries import canaries
from tokenmill.text.shards import TokenSplit

NAME = "canary"
"""In the place of a shard's file."""


def plant(train: TokenSplit, count: int, seed: int, tokenizer: Tokenizer) -> TokenSplit:
    """The split with canaries between its documents, at places drawn from the seed.

    Shards are cut there, not copied.
    """
    special, planted = train.special, canaries(count, seed)
    after = [special.eos] if special.around == 2 else []
    texts = [canary.text for canary in planted for _ in range(canary.times)]
    encoded = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    rows = [np.array([special.bos, *encoding.ids, *after], train.shards[0].dtype) for encoding in encoded]
    random = np.random.default_rng(seed)
    places = random.integers(
        train.documents, size=len(rows)
    )  # numbers of the documents that they stand before
    order = np.argsort(places, kind="stable")

    shards: list[npt.NDArray[Any]] = []
    ends: list[npt.NDArray[np.uint64]] = []
    names: list[str] = []

    def add(tokens: npt.NDArray[Any], of_documents: npt.NDArray[Any], name: str) -> None:
        if len(tokens):
            shards.append(tokens)
            ends.append(of_documents.astype(np.uint64))
            names.append(name)

    first, waiting = 0, order.tolist()
    for shard, of_shard, name in zip(train.shards, train.ends, train.names, strict=True):
        done, begin = 0, 0  # documents and tokens of the shard
        while waiting and places[waiting[0]] < first + len(of_shard):
            row = waiting.pop(0)
            upto = int(places[row]) - first
            end = int(of_shard[upto - 1]) if upto else 0
            add(shard[begin:end], of_shard[done:upto].astype(np.int64) - begin, f"{name} from {begin}")
            add(rows[row], np.array([len(rows[row])]), NAME)
            done, begin = upto, end
        add(shard[begin:], of_shard[done:].astype(np.int64) - begin, f"{name} from {begin}")
        first += len(of_shard)
    return replace(
        train,
        shards=tuple(shards),
        ends=tuple(ends),
        names=tuple(names),
        text_bytes=train.text_bytes + sum(len(text.encode()) for text in texts),
    )
