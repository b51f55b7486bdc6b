"""A project folder with tiny settings and data of our own, for tests of the training stages."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from ruamel.yaml import YAML

from tests.shipped import ROOT, shipped
from tests.tiny_models import write_tokenizer
from tokenmill.core.files import write_json
from tokenmill.core.splits import SPLITS, Split
from tokenmill.pretraining.settings import FRESH
from tokenmill.text.shards import write_manifest, write_split
from tokenmill.text.tokenizer import encode_documents, fingerprint, load_tokenizer

SOURCES = ("peoples-daily", "reviews")
"""Of the shards: those of the shipped params.yaml."""
MEASURE = {"remove_html": True, "simplify_chinese": False, "replace_pii": True}
"""What the documents went through."""
SUBJECTS = ["这本书", "这家酒店", "房间", "服务", "屏幕", "键盘", "the book", "the room"]
GOOD, BAD = ["很好", "喜欢", "干净", "great"], ["很差", "失望", "太慢", "awful"]


def reviews(count: int, seed: int) -> list[tuple[str, str]]:
    """Short texts of ours with their label, all different by a number at the end."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        label, words = [("positive", GOOD), ("negative", BAD)][int(random.integers(2))]
        picked = " ".join(random.choice(words, 2))
        rows.append((f"{random.choice(SUBJECTS)} {picked} {number}", label))
    return rows


def write_params(folder: Path, **changes: dict[str, Any]) -> None:
    """The shipped settings with everything small; ``changes`` go over its groups, key by key."""
    params = shipped()
    for model in params["pretrain"].values():
        model.update(layers=1, width=32, heads=2, context=32, tokens=6400, batch_rows=4)
    params["evaluate"]["gpt"].update(
        max_new_tokens=8, privacy={"documents": 20, "prefix_tokens": 4, "new_tokens": 4, "texts": 4}
    )
    for entry in params["finetune"].values():
        entry.update(epochs=1, batch_size=8, max_tokens=32)
    params["finetune"]["sentiment"].update(
        init_from="data/models/bert",
        epochs=2,
        batch_size=8,
        max_tokens=32,
        learning_rate=0.02,
        dropout=0.1,
        ngrams=2,
    )
    params["runtime"] = {
        "threads": 1,
        "precision": "float32",
        "checkpoint_every_seconds": 0.01,
        "log_every_steps": 5,
    }
    for group, values in changes.items():
        _merge(params[group], values)
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe", pure=True).dump(params, file)


def _merge(into: dict[str, Any], values: dict[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def write_clean(folder: Path) -> None:
    """data/clean with 240 labelled reviews."""
    documents = folder / "data/clean/documents"
    documents.mkdir(parents=True)
    splits = {"train": 160, "validation": 40, "test": 40}
    rows: list[dict[str, str | None]] = []
    for (text, label), split in zip(
        reviews(240, seed=0), [name for name, count in splits.items() for _ in range(count)], strict=True
    ):
        rows.append(
            {
                "id": f"reviews:mine.txt:{len(rows):04d}",
                "source": "reviews",
                "text": text,
                "label": label,
                "target": None,
                "language": "zh",
                "split": split,
            }
        )
    schema = {name: pl.String for name in rows[0]}
    pl.DataFrame(rows, schema=schema).write_parquet(documents / "reviews.parquet")
    write_json(folder / "data/clean/manifest.json", {"params": {"measure": MEASURE}, "raw": {}})


def write_tokens(folder: Path) -> None:
    """data/tokens/chinese of the reviews' texts, dealt out to two sources."""
    tokens = write_tokenizer(folder / "data/tokens/chinese", vocab_size=320)
    tokenizer = load_tokenizer(tokens)
    frame = pl.read_parquet(folder / "data/clean/documents/reviews.parquet")
    sources: dict[str, dict[Split, dict[str, Any]]] = {}
    for number, source in enumerate(SOURCES):
        sources[source] = {}
        for split in SPLITS:
            texts = frame.filter(pl.col("split") == split)["text"].to_list()[number :: len(SOURCES)]
            documents = encode_documents(tokenizer, texts)
            entry = write_split(tokens, split, source, documents, vocab_size=320)
            sources[source][split] = {**entry, "bytes": sum(len(text.encode()) for text in texts)}
    write_manifest(
        tokens,
        name="chinese",
        fingerprint=fingerprint(tokens),
        vocab_size=320,
        sources=sources,
        ancestry={"clean": "x", "raw": {source: f"digest of {source}" for source in SOURCES}},
    )


def write_init(folder: Path) -> None:
    """data/init, which stands for new weights."""
    for name in FRESH:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)


def write_project(folder: Path, **changes: dict[str, Any]) -> None:
    """params.yaml, data/clean, data/tokens and data/init."""
    write_params(folder, **changes)
    write_init(folder)
    write_clean(folder)
    write_tokens(folder)
