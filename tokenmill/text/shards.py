"""The token-shard format: written by tokenize, read by training.

A folder holds, for each split of each source, numbered pairs of plain NumPy files that are memory-mapped when
read:

* ``train-SOURCE-00000.npy``: token ids one after the other, uint16 where the vocabulary fits, else uint32;
* ``train-SOURCE-00000.ends.npy``: uint64, for each document the index in that shard one past its last token;

and ``manifest.json``: the tokenizer's fingerprint and special tokens, the dtype, and for every shard its
counts and SHA-256.
"""

import json
import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tokenmill.core.errors import UserError
from tokenmill.core.files import read_json, sha256_file, write_text
from tokenmill.core.splits import Split
from tokenmill.text.special import OURS, SpecialTokens

FORMAT = 2

SHARD_TOKENS = 1 << 27
"""Tokens in one shard at most: 256 MiB as uint16, small enough to copy and to lose."""

SAMPLE_TOKENS = 1 << 13
"""Tokens of the validation split behind each point of a learning curve; final figures use all of it.

A point costs as much as training on a third of them."""

MANIFEST = "manifest.json"


def token_dtype(vocab_size: int) -> np.dtype[Any]:
    """The smallest of uint16 and uint32 that holds every id below ``vocab_size``."""
    return np.dtype(np.uint16 if vocab_size <= 1 << 16 else np.uint32)


class _ArrayFile:
    """An .npy file that grows by appending; its bytes are those of ``np.save`` of the whole array (n,)."""

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        self.path = path
        self._file = path.open("wb")
        self._dtype = dtype
        self._length = 0
        self._write_header()

    def __len__(self) -> int:
        return self._length

    def append(self, values: npt.NDArray[Any]) -> None:
        """Add values at the end."""
        self._file.write(values.astype(self._dtype, copy=False).tobytes())
        self._length += len(values)

    def close(self) -> None:
        """Write the length that was reached; a longer array's header takes no more room: NumPy pads it."""
        with self._file:
            self._file.seek(0)
            self._write_header()

    def _write_header(self) -> None:
        descr = np.lib.format.dtype_to_descr(self._dtype)
        header = {"descr": descr, "fortran_order": False, "shape": (self._length,)}
        np.lib.format.write_array_header_1_0(self._file, header)


class SplitWriter:
    """Writes one split of a source as shards, block by block: memory does not grow with their number.

    A document is never cut: a shard ends before the document that would overfill it.
    """

    def __init__(
        self, folder: Path, split: Split, source: str, *, vocab_size: int, shard_tokens: int = SHARD_TOKENS
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._stem = folder / f"{split}-{source}"
        self._dtype = token_dtype(vocab_size)
        self._most = shard_tokens
        self._open: tuple[_ArrayFile, _ArrayFile] | None = None
        self._shards: list[dict[str, Any]] = []

    def add(self, ids: npt.NDArray[Any], ends: npt.NDArray[Any]) -> None:
        """Add documents: their ids (tokens,), and for each the index one past its last token (documents,)."""
        start = first = 0
        while first < len(ends):
            tokens, document_ends = self._open = self._open or self._new_shard()
            room = self._most - len(tokens)
            last = int(np.searchsorted(ends, start + room, side="right"))
            if last <= first and len(tokens):
                self._close_shard()
                continue
            last = max(last, first + 1)
            stop = int(ends[last - 1])
            document_ends.append(ends[first:last].astype(np.int64) - start + len(tokens))
            tokens.append(ids[start:stop])
            start, first = stop, last

    def close(self) -> dict[str, Any]:
        """End the last shard; the manifest's entry but for ``bytes``: shards, tokens, documents."""
        if self._open:
            self._close_shard()
        sums = {key: sum(shard[key] for shard in self._shards) for key in ("tokens", "documents")}
        return {"shards": self._shards, **sums}

    def _new_shard(self) -> tuple[_ArrayFile, _ArrayFile]:
        stem = f"{self._stem}-{len(self._shards):05d}"
        tokens = _ArrayFile(Path(f"{stem}.npy"), self._dtype)
        return tokens, _ArrayFile(Path(f"{stem}.ends.npy"), np.dtype(np.uint64))

    def _close_shard(self) -> None:
        assert self._open is not None
        tokens, ends = self._open
        self._open = None
        for file in (tokens, ends):
            file.close()
        self._shards.append(
            {
                "name": tokens.path.stem,
                "tokens": len(tokens),
                "documents": len(ends),
                "sha256": sha256_file(tokens.path),
                "ends_sha256": sha256_file(ends.path),
            }
        )


def write_split(
    folder: Path,
    split: Split,
    source: str,
    documents: Iterable[npt.NDArray[Any]],
    *,
    vocab_size: int,
    shard_tokens: int = SHARD_TOKENS,
) -> dict[str, Any]:
    """Write documents, each of ids (tokens,), by a :class:`SplitWriter`; its entry for the manifest."""
    writer = SplitWriter(folder, split, source, vocab_size=vocab_size, shard_tokens=shard_tokens)
    for document in documents:
        writer.add(document, np.array([len(document)]))
    return writer.close()


def write_manifest(
    folder: Path,
    *,
    name: str,
    fingerprint: str,
    vocab_size: int,
    sources: dict[str, dict[Split, dict[str, Any]]],
    ancestry: dict[str, Any],
    special: SpecialTokens = OURS,
) -> None:
    """Write ``manifest.json``.

    Args:
        name: that of the entry of ``tokenize``.
        sources: ``{source: {split: entry}}`` with the entries of :class:`SplitWriter` and ``bytes``, the
            UTF-8 bytes of their text. Their order is the order of the token stream.
        ancestry: what the shards were made from.
        special: the tokenizer's special tokens.
    """
    manifest = {
        "format": FORMAT,
        "name": name,
        "tokenizer": fingerprint,
        "vocab_size": vocab_size,
        "dtype": token_dtype(vocab_size).name,
        "special": special.to_json(),
        "sources": sources,
        "ancestry": ancestry,
    }
    write_text(folder / MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=2) + "\n")


@dataclass(frozen=True)
class TokenSplit:
    """One split's tokens, memory-mapped."""

    shards: tuple[npt.NDArray[Any], ...]
    ends: tuple[npt.NDArray[np.uint64], ...]
    text_bytes: int
    """UTF-8 bytes of the text behind the tokens: the denominator of bits per byte."""
    names: tuple[str, ...] = ()
    """The shards' files."""
    special: SpecialTokens = OURS
    """Of the tokenizer."""

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
        return self.text_bytes / max(1, self.tokens - self.documents * self.special.around)

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
        """The documents in order, each with the special tokens around it."""
        for shard, ends in zip(self.shards, self.ends, strict=True):
            start = 0
            for end in ends.tolist():
                yield shard[start:end]
                start = end


def read_manifest(folder: Path) -> dict[str, Any]:
    """The shards' manifest.

    Raises:
        UserError: it is missing, unreadable, or of another format.
    """
    path = folder / MANIFEST
    manifest = read_json(path, "make the shards with `dvc repro -f tokenize`")
    if manifest.get("format") != FORMAT:
        raise UserError(
            f"{path}: of format {manifest.get('format')}, not {FORMAT}; make it with `dvc repro -f tokenize`"
        )
    return manifest


def split_entries(
    manifest: dict[str, Any], split: Split, sources: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """The manifest's entries of a split, one for each source that has the split, in the sources' order.

    Raises:
        UserError: the shards have no such source.
    """
    known = manifest["sources"]
    for source in sources or ():
        if source not in known:
            raise UserError(
                f"data/tokens/{manifest['name']}: has no source {source!r}, only {', '.join(known)}; "
                f"add it to tokenize.{manifest['name']}.sources in params.yaml"
            )
    return [known[source][split] for source in sources or known if split in known[source]]


def split_totals(
    manifest: dict[str, Any], split: Split, sources: Sequence[str] | None = None
) -> dict[str, int]:
    """``tokens``, ``documents`` and ``bytes`` of text in a split of these sources (null: of all).

    Raises:
        UserError: the shards have no such source.
    """
    entries = split_entries(manifest, split, sources)
    return {key: sum(entry[key] for entry in entries) for key in ("tokens", "documents", "bytes")}


def open_split(
    folder: Path, split: Split, *, sources: Sequence[str] | None = None, fingerprint: str | None = None
) -> TokenSplit:
    """Memory-map one split after checking its sizes, and its tokenizer when ``fingerprint`` is given.

    Args:
        folder: of the shards.
        split: train, validation or test.
        sources: those to read, in this order; null: all, in the manifest's order.
        fingerprint: of the tokenizer that must have made the shards.

    Raises:
        UserError: another tokenizer made the shards, they have no such source, a file is missing or cut
            short, or the split is empty.
    """
    manifest = read_manifest(folder)
    if fingerprint is not None and manifest["tokenizer"] != fingerprint:
        raise UserError(
            f"{folder}: made by tokenizer {manifest['tokenizer'][:12]}, but {fingerprint[:12]} is at hand; "
            "run `dvc repro tokenize`"
        )
    totals = split_totals(manifest, split, sources)
    if not totals["tokens"]:
        of = f" of {', '.join(sources)}" if sources else ""
        raise UserError(f"{folder}: the {split} split{of} is empty; give it a larger share under clean.split")
    found = [shard for entry in split_entries(manifest, split, sources) for shard in entry["shards"]]
    names = tuple(f"{shard['name']}.npy" for shard in found)
    return TokenSplit(
        shards=tuple(_map(folder / f"{s['name']}.npy", s["tokens"], manifest["dtype"]) for s in found),
        ends=tuple(_map(folder / f"{s['name']}.ends.npy", s["documents"], "uint64") for s in found),
        text_bytes=totals["bytes"],
        names=names,
        special=SpecialTokens.from_json(manifest["special"]),
    )


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
