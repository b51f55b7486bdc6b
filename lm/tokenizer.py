"""Opening a tokenizer, the special tokens that every family shares, the form of a document. No torch here."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lm.errors import UserError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

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
BATCH = 1000
"""Documents encoded at once: enough to fill the threads, few enough to keep memory flat."""


def load_tokenizer(folder: Path) -> "Tokenizer":
    """Open ``tokenizer.json`` of a shards or model folder.

    Text that spells a special token, such as ``<eos>``, is encoded as the plain characters it is: only
    code puts special ids into a sequence.

    Raises:
        UserError: the file is missing or unreadable, or its special tokens are not ours.
    """
    from tokenizers import Tokenizer

    path = folder / FILE
    try:
        text = path.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{path}: missing; make it with `dvc repro tokenize`") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8 text; restore it with `dvc checkout`") from None
    try:
        tokenizer = Tokenizer.from_str(text)
    except Exception as error:  # the library raises plain Exception
        problem = str(error).splitlines()[0][:120]
        raise UserError(f"{path}: holds no tokenizer ({problem}); restore it with `dvc checkout`") from None
    for number, token in enumerate(SPECIAL_TOKENS):
        if tokenizer.token_to_id(token) != number:
            raise UserError(
                f"{path}: {token} must have id {number}, got {tokenizer.token_to_id(token)}; "
                "use a tokenizer that `dvc repro tokenize` made"
            )
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = True
    return tokenizer


def fingerprint(folder: Path) -> str:
    """SHA-256 of the bytes of ``tokenizer.json``: the name by which shards and models know their tokenizer.

    Raises:
        UserError: the file is missing.
    """
    path = folder / FILE
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{path}: missing; make it with `dvc repro tokenize`") from None


def encode_document(tokenizer: "Tokenizer", text: str) -> npt.NDArray[np.uint32]:
    """A document as ids: <bos>, the text's tokens, <eos>."""
    return _framed(tokenizer.encode(text, add_special_tokens=False).ids)


def encode_documents(tokenizer: "Tokenizer", texts: Iterable[str]) -> Iterator[npt.NDArray[np.uint32]]:
    """:func:`encode_document` for many texts, in order, at the speed of batches."""
    batch: list[str] = []
    for text in texts:
        batch.append(text)
        if len(batch) == BATCH:
            yield from _encode_batch(tokenizer, batch)
            batch = []
    yield from _encode_batch(tokenizer, batch)


def _encode_batch(tokenizer: "Tokenizer", texts: list[str]) -> Iterator[npt.NDArray[np.uint32]]:
    for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False):
        yield _framed(encoding.ids)


def _framed(ids: list[int]) -> npt.NDArray[Any]:
    return np.array([BOS, *ids, EOS], np.uint32)
