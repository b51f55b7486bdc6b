"""Canaries stand among the documents as often as they should, and nothing else changes."""

from pathlib import Path

import numpy as np

from tests.tiny_models import TEXTS, write_tokenizer
from tokenmill.pretraining.canaries import plant
from tokenmill.text.canaries import DIGITS, canaries, candidates
from tokenmill.text.shards import TokenSplit
from tokenmill.text.tokenizer import encode_documents, load_tokenizer


def split_of(documents: list[list[np.ndarray]]) -> TokenSplit:
    """A split with a shard for each list."""
    return TokenSplit(
        shards=tuple(np.concatenate(shard).astype(np.uint16) for shard in documents),
        ends=tuple(np.cumsum([len(one) for one in shard]).astype(np.uint64) for shard in documents),
        text_bytes=100,
        names=tuple(f"train-x-{n}.npy" for n in range(len(documents))),
    )


def test_they_stand_between_documents(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(write_tokenizer(tmp_path))
    rows = list(encode_documents(tokenizer, TEXTS * 4))
    train = split_of([rows[:12], rows[12:]])
    planted = plant(train, 6, 1, tokenizer)
    texts = [tokenizer.decode(document.tolist()) for document in planted.each_document()]
    known = canaries(6, 1)
    assert [canary.times for canary in known] == [1, 4, 16, 64, 1, 4]
    assert all(texts.count(canary.text) == canary.times for canary in known)
    secrets = {canary.text for canary in known}
    assert [text for text in texts if text not in secrets] == TEXTS * 4, "the others in their order"
    assert planted.documents == 20 + 90 and planted.tokens == len(planted.stream())
    assert [ends.dtype for ends in planted.ends] == [np.uint64] * len(planted.ends)
    assert planted.document_ends()[-1] == planted.tokens
    assert planted.locate(planted.tokens - 1)
    places = [number for number, text in enumerate(texts) if text in secrets]
    assert len(set(np.diff(places))) > 1, "scattered"
    again = plant(train, 6, 1, tokenizer)
    assert np.array_equal(again.stream(), planted.stream())
    assert not np.array_equal(plant(train, 6, 2, tokenizer).stream(), planted.stream())


def test_candidates_have_the_form_and_are_others() -> None:
    drawn, known = candidates(500, 1), {canary.text for canary in canaries(100, 1)}
    assert len({*drawn} | known) == 600
    assert all(len(text.rpartition(" ")[2]) == DIGITS for text in drawn)
