"""From data/clean to data/tokens/NAME: tokenizer.json, and every split of every source as token shards."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.core.files import read_json, sha256_file, write_text
from tokenmill.core.normalization import normalization_of, write_normalization
from tokenmill.core.splits import SPLITS, Split
from tokenmill.jobs.workers import each
from tokenmill.text.fit import misfit
from tokenmill.text.shards import SplitWriter, write_manifest
from tokenmill.text.special import OURS
from tokenmill.text.tokenizer import FILE
from tokenmill.tokenization.encode import Encoded, Encoder, new_encoder
from tokenmill.tokenization.parts import Part, Table, open_table
from tokenmill.tokenization.pretrained import take_tokenizer
from tokenmill.tokenization.settings import MAX_HAN_RUN, TokenizeSettings
from tokenmill.tokenization.train import train_tokenizer

TRAINING_BYTES = 128 << 20
"""UTF-8 bytes that a tokenizer is trained on at most, spread over all text. More changes a vocabulary little,
and costs time and memory in proportion."""
SAMPLE_CHARACTERS = 200_000
"""Text on which the faster engine must give the usual ids before it is used."""
SAMPLE_PARTS = 8
"""From about so many parts, since each must be read for it."""


def tokenize(
    clean: Path, folder: Path, settings: TokenizeSettings, *, name: str, workers: int = 1
) -> dict[str, Any]:
    """Train a tokenizer on the sources' train split, or take a model's, and write shards of every split.

    Args:
        clean: data/clean.
        folder: of the tokenizer and the shards; see :mod:`tokenmill.text.shards`.
        settings: the entry of ``tokenize`` in params.yaml.
        name: its name.
        workers: processes that encode, 0 for one for each core.

    Returns:
        Metrics: ``tokens`` of each split, ``bytes_per_token`` of text, ``vocab_size``, ``unknown_share``.

    Raises:
        UserError: a source is missing in ``clean``, there is nothing to train on, or the model's tokenizer
            cannot be used.
    """
    ancestry = clean_ancestry(clean, settings.sources, f"tokenize.{name}.sources")
    tables = {source: open_table(clean, source) for source in settings.sources}
    if not sum(table.bytes["train"] for table in tables.values()):
        raise UserError(
            f"{clean}: no training documents in {', '.join(tables)}; "
            f"name more under tokenize.{name}.sources or loosen the rules of clean in params.yaml"
        )
    if settings.from_pretrained is None:
        write_text(folder / FILE, train(settings, list(tables.values())))
        special = OURS
    else:
        special = take_tokenizer(Path(settings.from_pretrained), folder)
    if steps := normalization_of(clean, settings.sources):
        write_normalization(folder, steps)
    encoder = new_encoder(folder, special, small_sample(list(tables.values())))
    return write_shards(encoder, folder, tables, name=name, ancestry=ancestry, workers=workers)


def train(settings: TokenizeSettings, tables: Sequence[Table]) -> str:
    """The tokenizer.json that is trained on every k-th training text, k as small as suits TRAINING_BYTES."""
    step = max(1, -(-sum(table.bytes["train"] for table in tables) // TRAINING_BYTES))
    texts = chain.from_iterable(table.texts("train") for table in tables)
    assert settings.algorithm and settings.vocab_size  # as settings were checked
    return train_tokenizer(
        islice(texts, 0, None, step),
        algorithm=settings.algorithm,
        vocab_size=settings.vocab_size,
        max_han_run=settings.max_han_run or MAX_HAN_RUN,
    ).to_str()


def small_sample(tables: Sequence[Table]) -> list[str]:
    """Training texts of about SAMPLE_CHARACTERS, spread over all sources."""
    parts = [part for table in tables for part in table.parts]
    parts = parts[:: max(1, len(parts) // SAMPLE_PARTS)]
    sample: list[str] = []
    for part in parts:
        texts = part.texts()["train"]
        sample += texts[:: max(1, sum(map(len, texts)) * len(parts) // SAMPLE_CHARACTERS)]
    return sample


@dataclass(frozen=True)
class _Task:
    """What one process does at a time."""

    encoder: Encoder
    part: Part


def _encode_part(task: _Task) -> dict[Split, Encoded]:
    return {split: task.encoder.encode(texts) for split, texts in task.part.texts().items()}


def write_shards(
    encoder: Encoder,
    folder: Path,
    tables: Mapping[str, Table],
    *,
    name: str,
    ancestry: dict[str, Any],
    workers: int = 1,
) -> dict[str, Any]:
    """Encode every split of every source into shards and write the manifest; returns metrics.

    Each process reads its own parts, and hands back their ids; the shards grow in the order of the tables.
    """
    tasks = [_Task(encoder, part) for table in tables.values() for part in table.parts]
    sources: dict[str, dict[Split, dict[str, Any]]] = {}
    unknown = 0
    results = each(_encode_part, tasks, workers=workers)
    for source, table in tables.items():
        writers = {
            split: SplitWriter(folder, split, source, vocab_size=encoder.vocab_size) for split in SPLITS
        }
        for found in islice(results, len(table.parts)):
            for split, encoded in found.items():
                writers[split].add(encoded.ids, encoded.ends)
                unknown += int((encoded.ids == encoder.special.unk).sum())
        sources[source] = {
            split: {**writer.close(), "bytes": table.bytes[split]} for split, writer in writers.items()
        }
    write_manifest(
        folder,
        name=name,
        fingerprint=encoder.fingerprint,
        vocab_size=encoder.vocab_size,
        sources=sources,
        ancestry=ancestry,
        special=encoder.special,
    )
    _check_fit(name, sources, encoder.special.around)
    totals = {split: _sums(entry[split] for entry in sources.values()) for split in SPLITS}
    whole = _sums(totals.values())
    text_tokens = max(1, whole["tokens"] - encoder.special.around * whole["documents"])
    return {
        "tokens": {split: entry["tokens"] for split, entry in totals.items()},
        "bytes_per_token": round(whole["bytes"] / text_tokens, 4),
        "vocab_size": encoder.vocab_size,
        "unknown_share": round(unknown / text_tokens, 6),
    }


def _check_fit(name: str, sources: Mapping[str, Mapping[Split, Mapping[str, Any]]], around: int) -> None:
    """Warn of sources that the tokenizer does not know; ``around``: special tokens of each document."""
    for source, splits in sources.items():
        found = _sums(splits.values())
        text_tokens = found["tokens"] - around * found["documents"]
        remedy = f"train one with it under tokenize.{name}.sources in params.yaml, or raise its vocab_size"
        if said := misfit(source, found["bytes"], text_tokens, remedy):
            print(said, file=sys.stderr, flush=True)


def _sums(entries: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    found = list(entries)
    return {key: sum(entry[key] for entry in found) for key in ("tokens", "documents", "bytes")}


def clean_ancestry(clean: Path, sources: Sequence[str], setting: str) -> dict[str, Any]:
    """What the shards descend from: the digests of clean's manifest, of its params, and of each raw source.

    ``setting`` names the sources in params.yaml, for the message.

    Raises:
        UserError: the manifest is missing or unreadable, or lacks one of the sources.
    """
    path = clean / "manifest.json"
    manifest = read_json(path, "make it with `dvc repro -f clean`")
    raw = {}
    for source in sources:
        if source not in manifest["raw"]:
            raise UserError(
                f"{path}: knows no source {source!r}, which {setting} names; "
                f"it has {', '.join(sorted(manifest['raw']))}"
            )
        raw[source] = manifest["raw"][source]["sha256"]
    return {"clean": sha256_file(path), "clean_params": manifest["params"]["sha256"], "raw": raw}
