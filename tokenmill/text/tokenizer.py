"""Opening a tokenizer, the special tokens that every family shares, and documents as ids."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from tokenmill.core.errors import UserError
from tokenmill.core.files import read_json, read_regular, write_text
from tokenmill.core.normalization import FILE as NORMALIZATION
from tokenmill.text.classes import (
    CONFIG,
    GENERATION,
    NAMED,
    SETTINGS,
    as_its_class,
    read_tokenizer_settings,
    speaking_for_the_library,
)

SENTINELS = 32
"""Number of <extra_N> tokens, which stand for the gaps in span corruption (T5)."""

SPECIAL_TOKENS: tuple[str, ...] = (
    "<pad>",
    "<unk>",
    "<bos>",
    "<eos>",
    "<mask>",
    "<sep>",
    "<cls>",
    *(f"<extra_{n}>" for n in range(SENTINELS)),
)
"""Every tokenizer gives them the ids 0, 1, 2, ... in this order."""

PAD, UNK, BOS, EOS, MASK, SEP, CLS = range(7)
FIRST_TEXT_ID = len(SPECIAL_TOKENS)
"""Ids from here on stand for text; all below are special."""

SENTINEL_IDS = range(FIRST_TEXT_ID - SENTINELS, FIRST_TEXT_ID)
"""Ids of <extra_0>, <extra_1>, ..."""

FILE = "tokenizer.json"
LARGEST = 2**28
"""Bytes of that file, at most: 256 MiB, several times the largest of published models (Gemma: 34 MB)."""
BATCH = 1000
"""Documents encoded at once: enough to fill the threads, few enough to keep memory flat."""


def open_tokenizer(folder: Path) -> Tokenizer:
    """Open ``tokenizer.json`` of any folder, ours or not.

    Text that spells a special token, such as ``<eos>``, is encoded as the plain characters it is: only
    code puts special ids into a sequence. What the tokenizer's class does beside that file is done, too.

    Raises:
        UserError: the file is missing or unreadable.
    """
    text = _read(folder).decode("utf-8", "replace")
    settings = read_tokenizer_settings(folder)
    with speaking_for_the_library(f"{folder / FILE}: holds no tokenizer; restore it with `dvc checkout`"):
        tokenizer = Tokenizer.from_str(text)
        tokenizer.no_padding()
        tokenizer.no_truncation()
        tokenizer.encode_special_tokens = True
        as_its_class(tokenizer, settings)
    return tokenizer


def load_tokenizer(folder: Path) -> Tokenizer:
    """Open a tokenizer that `dvc repro tokenize` made.

    Raises:
        UserError: the file is missing or unreadable, or its special tokens are not ours.
    """
    tokenizer = open_tokenizer(folder)
    for number, token in enumerate(SPECIAL_TOKENS):
        if tokenizer.token_to_id(token) != number:
            raise UserError(
                f"{folder / FILE}: {token} must have id {number}, got {tokenizer.token_to_id(token)}; "
                "use a tokenizer that `dvc repro tokenize` made"
            )
    return tokenizer


def fingerprint(folder: Path) -> str:
    """SHA-256 of ``tokenizer.json``: the name by which shards and models know their tokenizer.

    What a model puts around a text (the post-processor) is its own affair and does not count: shards, and all
    models trained on them, have one fingerprint.

    Raises:
        UserError: the file is missing or no JSON.
    """
    content = read_json(folder / FILE, "restore it with `dvc checkout`", most=LARGEST)
    content["post_processor"] = None
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def copy_tokenizer(folder: Path, target: Path, content: str) -> Path:
    """A folder with another tokenizer.json and all else that a model's folder says of its tokenizer."""
    target.mkdir(parents=True, exist_ok=True)
    for name in (CONFIG, SETTINGS, NAMED, GENERATION, NORMALIZATION):
        if (folder / name).exists():
            write_text(target / name, (folder / name).read_text("utf-8"))
    write_text(target / FILE, content)
    return target


def _read(folder: Path) -> bytes:
    return read_regular(folder / FILE, "make it with `dvc repro tokenize`", most=LARGEST)


def encode_document(tokenizer: Tokenizer, text: str) -> npt.NDArray[np.uint32]:
    """A document as ids: <bos>, the text's tokens, <eos>."""
    return _framed(tokenizer.encode(text, add_special_tokens=False).ids)


def encode_documents(tokenizer: Tokenizer, texts: Iterable[str]) -> Iterator[npt.NDArray[np.uint32]]:
    """:func:`encode_document` for many texts, in order, at the speed of batches."""
    batch: list[str] = []
    for text in texts:
        batch.append(text)
        if len(batch) == BATCH:
            yield from _encode_batch(tokenizer, batch)
            batch = []
    yield from _encode_batch(tokenizer, batch)


def _encode_batch(tokenizer: Tokenizer, texts: list[str]) -> Iterator[npt.NDArray[np.uint32]]:
    for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False):
        yield _framed(encoding.ids)


def _framed(ids: list[int]) -> npt.NDArray[Any]:
    return np.array([BOS, *ids, EOS], np.uint32)
