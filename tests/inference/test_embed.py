"""Vectors do not depend on the batch, and are what the pooling says."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tiny_models import write_model
from tokenmill.inference.embed import embed
from tokenmill.model.folder import load_model

TEXTS = ["我喜欢看电影。", "", "books and small films", "q" * 50]
MODELS = [
    ("small-bert", "masked-lm"),
    ("bert", "features"),
    ("gpt2", "causal-lm"),
    ("small-t5", "text-to-text"),
]


@pytest.mark.parametrize(("family", "kind"), MODELS)
@pytest.mark.parametrize("pooling", ["mean", "first", "last"])
def test_a_text_s_vector_is_that_of_its_own_hidden_states(
    tmp_path: Path, family: str, kind: str, pooling: str
) -> None:
    model, vocabulary = load_model(write_model(tmp_path / "model", kind, family=family))  # type: ignore[arg-type]
    found = embed(model, vocabulary, TEXTS, pooling=pooling, batch_size=3)  # type: ignore[arg-type]
    for text, vector in zip(TEXTS, found, strict=True):
        (row,) = vocabulary.encode([text], 32)
        with torch.no_grad():
            hidden = model.backbone(torch.tensor([row]))[0]
        expected = {"mean": hidden.mean(0), "first": hidden[0], "last": hidden[-1]}[pooling]
        assert np.allclose(vector, expected.numpy(), atol=1e-4)


def test_normalised_vectors_have_length_one(tmp_path: Path) -> None:
    model, vocabulary = load_model(write_model(tmp_path / "model", "masked-lm"))
    plain, unit = embed(model, vocabulary, TEXTS), embed(model, vocabulary, TEXTS, normalise=True)
    assert np.allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-5)
    assert np.allclose(unit * np.linalg.norm(plain, axis=1, keepdims=True), plain, atol=1e-4)
