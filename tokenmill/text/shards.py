"""The token-shard format: written by tokenize, read by training.

A folder holds, for each split, numbered pairs of plain NumPy files that are memory-mapped when read:

* ``train-00000.npy``: token ids one after the other, uint16 where the vocabulary fits, else uint32;
* ``train-00000.ends.npy``: uint64, for each document the index in that shard one past its last token;

and ``manifest.json``: the tokenizer's fingerprint, the dtype, and for every shard its counts and SHA-256.
"""

import json
import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tokenmill.core.errors import UserError
from tokenmill.core.files import sha256_file, write_json
from tokenmill.core.splits import Split
from tokenmill.text.tokenizer import FIRST_TEXT_ID

SHARD_TOKENS = 1 << 27
"""Tokens in one shard at most: 256 MiB as uint16, small enough to copy and to lose."""

SAMPLE_TOKENS = 1 << 13
"""Tokens of the validation split behind each point of a learning curve; final figures use all of it.

A point costs as much as training on a third of them."""

MANIFEST = "manifest.json"


def token_dtype(vocab_size: int) -> np.dtype[Any]:
    """The smallest of uint16 and uint32 that holds every id below ``vocab_size``."""
    return np.dtype(np.uint16 if vocab_size <= 1 << 16 else np.uint32)


def write_split(
    folder: Path,
    split: Split,
    documents: Iterable[npt.NDArray[Any]],
    *,
    vocab_size: int,
    shard_tokens: int = SHARD_TOKENS,
) -> list[dict[str, Any]]:
    """Write one split's documents (1-D arrays of ids) as shards; returns their manifest entries.

    A document is never cut: a shard ends before the document that would overfill it.
    """
    entries: list[dict[str, Any]] = []
    pending: list[npt.NDArray[Any]] = []
    size = 0

    def close() -> None:
        nonlocal pending, size
        name = f"{split}-{len(entries):05d}"
        tokens = np.concatenate(pending) if pending else np.empty(0)
        ends = np.cumsum([len(d) for d in pending], dtype=np.uint64)
        np.save(folder / f"{name}.npy", tokens.astype(token_dtype(vocab_size)))
        np.save(folder / f"{name}.ends.npy", ends)
        entries.append(
            {
                "name": name,
                "tokens": size,
                "documents": len(pending),
                "sha256": sha256_file(folder / f"{name}.npy"),
                "ends_sha256": sha256_file(folder / f"{name}.ends.npy"),
            }
        )
        pending, size = [], 0

    folder.mkdir(parents=True, exist_ok=True)
    for document in documents:
        if pending and size + len(document) > shard_tokens:
            close()
        pending.append(document)
        size += len(document)
    if pending:
        close()
    return entries


def write_manifest(
    folder: Path,
    *,
    fingerprint: str,
    vocab_size: int,
    splits: dict[str, dict[str, Any]],
    ancestry: dict[str, Any],
) -> None:
    """Write ``manifest.json``; ``splits``: a split's ``shards``, ``tokens``, ``documents``, ``bytes``."""
    write_json(
        folder / MANIFEST,
        {
            "format": 1,
            "tokenizer": fingerprint,
            "vocab_size": vocab_size,
            "dtype": token_dtype(vocab_size).name,
            "splits": splits,
            "ancestry": ancestry,
        },
    )


@dataclass(frozen=True)
class TokenSplit:
    """One split's tokens, memory-mapped."""

    shards: tuple[npt.NDArray[Any], ...]
    ends: tuple[npt.NDArray[np.uint64], ...]
    text_bytes: int
    """UTF-8 bytes of the text behind the tokens: the denominator of bits per byte."""
    names: tuple[str, ...] = ()
    """The shards' files."""

    @property
    def tokens(self) -> int:
        """Number of tokens."""
        return sum(len(shard) for shard in self.shards)

    @property
    def documents(self) -> int:
        """Number of documents."""
        return sum(len(ends) for ends in self.ends)

    @property
    def bytes_per_text_token(self) -> float:
        """UTF-8 bytes of text behind one text token, on average; special tokens stand for no text."""
        text_tokens = sum(int(np.count_nonzero(shard >= FIRST_TEXT_ID)) for shard in self.shards)
        return self.text_bytes / max(1, text_tokens)

    @cached_property
    def _begins(self) -> list[int]:
        """Where in :meth:`stream` each shard begins."""
        return np.cumsum([0, *map(len, self.shards)])[:-1].tolist()

    def __len__(self) -> int:
        return self.tokens

    def __getitem__(self, places: slice) -> npt.NDArray[Any]:
        """What :meth:`stream` has at consecutive places, read from the shards that hold them."""
        start, stop, _ = places.indices(self.tokens)
        pieces: list[npt.NDArray[Any]] = []
        for number in range(max(0, bisect_right(self._begins, start) - 1), len(self.shards)):
            begin = self._begins[number]
            if begin >= stop and pieces:
                break
            pieces.append(self.shards[number][max(0, start - begin) : stop - begin])
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def stream(self) -> npt.NDArray[Any]:
        """All tokens as one array; a view of the file where there is one shard."""
        if len(self.shards) == 1:
            return self.shards[0]
        return np.concatenate(self.shards) if self.shards else np.empty(0, np.uint16)

    def document_ends(self) -> npt.NDArray[np.int64]:
        """Where in :meth:`stream` each document ends: the place after its last token."""
        pairs = zip(self.ends, self._begins, strict=True)
        return np.concatenate([ends.astype(np.int64) + start for ends, start in pairs])

    def locate(self, place: int) -> str:
        """The file that holds a token of :meth:`stream`, and the token's place in it."""
        for name, shard in zip(self.names, self.shards, strict=True):
            if place < len(shard):
                return f"{place} of {name}"
            place -= len(shard)
        raise IndexError(place)

    def sample(self, tokens: int = SAMPLE_TOKENS) -> npt.NDArray[Any]:
        """About that many tokens as one array: whole documents, taken at even distances over the split."""
        every = max(1, -(-self.tokens // tokens))
        return np.concatenate([document for n, document in enumerate(self.each_document()) if n % every == 0])

    def excerpt(self, tokens: int) -> npt.NDArray[Any]:
        """At most about that many tokens as one array: the same share of every shard, from its beginning."""
        share = min(1.0, tokens / max(1, self.tokens))
        return np.concatenate([shard[: math.ceil(share * len(shard))] for shard in self.shards])

    def each_document(self) -> Iterable[npt.NDArray[Any]]:
        """The documents in order, each with its <bos> and <eos>."""
        for shard, ends in zip(self.shards, self.ends, strict=True):
            start = 0
            for end in ends.tolist():
                yield shard[start:end]
                start = end


def read_manifest(folder: Path) -> dict[str, Any]:
    """The shards' manifest.

    Raises:
        UserError: it is missing or unreadable.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: missing; make the shards with `dvc repro tokenize`") from None
    except ValueError:
        raise UserError(
            f"{path}: not readable as JSON; make the shards anew with `dvc repro -f tokenize`"
        ) from None
    return dict(manifest)


def open_split(folder: Path, split: Split, *, fingerprint: str | None = None) -> TokenSplit:
    """Memory-map one split after checking its sizes, and its tokenizer when ``fingerprint`` is given.

    Raises:
        UserError: another tokenizer made the shards, a file is missing or cut short, or the split is empty.
    """
    manifest = read_manifest(folder)
    if fingerprint is not None and manifest["tokenizer"] != fingerprint:
        raise UserError(
            f"{folder}: made by tokenizer {manifest['tokenizer'][:12]}, but {fingerprint[:12]} is at hand; "
            "run `dvc repro tokenize`"
        )
    entry = manifest["splits"].get(split)
    if entry is None or not entry["tokens"]:
        raise UserError(f"{folder}: the {split} split is empty; give it a larger share under clean.split")
    shards, ends = [], []
    for shard in entry["shards"]:
        shards.append(_map(folder / f"{shard['name']}.npy", shard["tokens"], manifest["dtype"]))
        ends.append(_map(folder / f"{shard['name']}.ends.npy", shard["documents"], "uint64"))
    names = tuple(f"{shard['name']}.npy" for shard in entry["shards"])
    return TokenSplit(tuple(shards), tuple(ends), entry["bytes"], names)


def _map(path: Path, length: int, dtype: str) -> npt.NDArray[Any]:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        raise UserError(
            f"{path}: missing or cut short; restore it with `dvc checkout` or make it anew"
        ) from None
    if array.shape != (length,) or array.dtype != dtype:
        raise UserError(
            f"{path}: holds {array.shape} {array.dtype}, the manifest says ({length},) {dtype}; "
            "restore it with `dvc checkout`"
        )
    return np.asarray(array)
