"""From data/clean to data/tokens: tokenizer.json, and every split as token shards."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenmill.core.errors import UserError
from tokenmill.core.files import read_json, sha256_file, write_text
from tokenmill.core.splits import SPLITS, Split
from tokenmill.data.documents.reading import read_documents
from tokenmill.text.shards import write_manifest, write_split
from tokenmill.text.tokenizer import FILE, UNK, fingerprint, load_tokenizer
from tokenmill.tokenization.encode import Encoded, encode, prove
from tokenmill.tokenization.settings import TokenizeSettings
from tokenmill.tokenization.train import train_tokenizer

if TYPE_CHECKING:
    import numpy.typing as npt

TRAINING_BYTES = 256 << 20
"""UTF-8 bytes that the tokenizer is trained on at most. More text changes a vocabulary little, costs time in
proportion, and would in the end pass the trainer's 32-bit counts."""


def tokenize(clean: Path, folder: Path, settings: TokenizeSettings, *, workers: int = 1) -> dict[str, Any]:
    """Train on the sources' train split, write tokenizer.json and the shards of every split; returns metrics.

    ``workers``: processes that encode, 0 for one for each core.

    Raises:
        UserError: a source is missing in ``clean``, or there is nothing to train on.
    """
    ancestry = clean_ancestry(clean, settings.sources)
    texts = {split: _texts(clean, settings.sources, split) for split in SPLITS}
    if not texts["train"]:
        raise UserError(
            f"{clean}: no training documents in {', '.join(settings.sources)}; "
            "name more under tokenize.sources or loosen the rules of clean in params.yaml"
        )
    tokenizer = train_tokenizer(
        training_sample(texts["train"], TRAINING_BYTES),
        algorithm=settings.algorithm,
        vocab_size=settings.vocab_size,
        max_han_run=settings.max_han_run,
    )
    write_text(folder / FILE, tokenizer.to_str())
    return write_shards(folder, texts, ancestry=ancestry, workers=workers)


def write_shards(
    folder: Path, texts: Mapping[Split, list[str]], *, ancestry: dict[str, Any], workers: int = 1
) -> dict[str, Any]:
    """Encode each split with the folder's tokenizer into shards and write the manifest; returns metrics.

    ``bytes_per_token`` is of the text's own tokens, without the <bos> and <eos> around each document.
    """
    vocab_size = load_tokenizer(folder).get_vocab_size()
    splits: dict[str, dict[str, Any]] = {}
    metrics: dict[str, dict[str, Any]] = {}
    problem = prove(folder, [text for documents in texts.values() for text in documents])
    if problem:
        print(f"encoding with the tokenizers library, since {problem}", flush=True)
    unknown = 0
    for split, documents in texts.items():
        counts = _UnknownCount(encode(folder, documents, fast=problem is None, workers=workers))
        shards = write_split(folder, split, counts, vocab_size=vocab_size)
        unknown += counts.unknown
        sums = {
            "tokens": sum(shard["tokens"] for shard in shards),
            "documents": len(documents),
            "bytes": sum(len(text.encode()) for text in documents),
        }
        splits[split] = {"shards": shards, **sums}
        text_tokens = sums["tokens"] - 2 * sums["documents"]
        metrics[split] = {**sums, "bytes_per_token": round(sums["bytes"] / max(text_tokens, 1), 4)}
    write_manifest(
        folder, fingerprint=fingerprint(folder), vocab_size=vocab_size, splits=splits, ancestry=ancestry
    )
    tokens = sum(entry["tokens"] for entry in splits.values())
    return {**metrics, "vocab_size": vocab_size, "unk_share": unknown / max(tokens, 1)}


class _UnknownCount:
    """Passes documents through and counts their <unk>."""

    def __init__(self, parts: Iterable[Encoded]) -> None:
        self._parts = parts
        self.unknown = 0

    def __iter__(self) -> "Iterator[npt.NDArray[Any]]":
        for part in self._parts:
            self.unknown += int((part.ids == UNK).sum())
            yield from part.documents()


def training_sample(texts: list[str], limit: int) -> list[str]:
    """All texts, or every k-th of them, k as small as keeps their sum near ``limit`` UTF-8 bytes."""
    step = -(-sum(len(text.encode()) for text in texts) // limit)
    return texts[:: max(step, 1)]


def _texts(clean: Path, sources: Iterable[str], split: Split) -> list[str]:
    return [text for source in sources for text in read_documents(clean, source, split)["text"]]


def clean_ancestry(clean: Path, sources: Iterable[str]) -> dict[str, Any]:
    """What the shards descend from: the digests of clean's manifest, of its params, and of each raw source.

    Raises:
        UserError: the manifest is missing or unreadable, or lacks one of the sources.
    """
    path = clean / "manifest.json"
    manifest = read_json(path, "make it with `dvc repro -f clean`")
    raw = {}
    for source in sources:
        if source not in manifest["raw"]:
            raise UserError(
                f"{path}: knows no source {source!r}, which tokenize.sources names; "
                f"it has {', '.join(sorted(manifest['raw']))}"
            )
        raw[source] = manifest["raw"][source]["sha256"]
    return {"clean": sha256_file(path), "clean_params": manifest["params"]["sha256"], "raw": raw}
