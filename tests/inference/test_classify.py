"""Classes of texts and tokens: equal to the model's own outputs, text by text."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tiny_models import tiny_model, write_model
from tokenmill.core.errors import UserError
from tokenmill.inference.classify import classify, tag
from tokenmill.model.folder import load_model
from tokenmill.model.padding import pad_ngrams
from tokenmill.text.ngrams import ngram_buckets

TEXTS = ["我喜欢看电影。", "", "books and small films", "a"]


@pytest.mark.parametrize("family", ["small-bert", "bert", "gpt2"])
def test_probabilities_do_not_depend_on_the_batch(tmp_path: Path, family: str) -> None:
    model, vocabulary = load_model(write_model(tmp_path / "model", "sequence-classifier", family=family))
    found = classify(model, vocabulary, TEXTS, batch_size=3)
    for text, shares in zip(TEXTS, found, strict=True):
        logits = model(torch.tensor(vocabulary.encode([text])))
        assert np.allclose(shares, logits.softmax(-1)[0].detach().numpy(), atol=1e-5)


def test_ngrams_and_backbone_have_equal_say_whatever_the_batch(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", "sequence-classifier", ngrams=2)
    model, vocabulary = load_model(folder)
    found = classify(model, vocabulary, TEXTS, batch_size=3)
    for text, shares in zip(TEXTS, found, strict=True):
        ids, ngrams = torch.tensor(vocabulary.encode([text])), pad_ngrams([ngram_buckets(text, 2)])
        backbone, wide = model(ids, ngrams_BG=ngrams, apart=True)
        assert not torch.allclose(backbone, wide, atol=1e-2)
        assert np.allclose(shares, ((backbone + wide) / 2).softmax(-1)[0].detach().numpy(), atol=1e-5)
    # Others compute the backbone's part alone, so the folder must not say that they can.
    assert "architectures" not in json.loads((folder / "config.json").read_text())
    pooled = write_model(tmp_path / "pooled", "sequence-classifier", family="gpt2", pooling="mean")
    assert "architectures" not in json.loads((pooled / "config.json").read_text())


def test_each_token_of_the_text_has_a_label(tmp_path: Path) -> None:
    model, vocabulary = load_model(write_model(tmp_path / "model", "token-classifier"))
    found = tag(model, vocabulary, TEXTS, batch_size=2)
    for text, pieces in zip(TEXTS, found, strict=True):
        assert {place for piece in pieces for place in range(piece.start, piece.end)} == set(range(len(text)))
        shares = model(torch.tensor(vocabulary.encode([text])))[0].softmax(-1)[1:-1]
        assert [piece.probability for piece in pieces] == pytest.approx(
            shares.max(-1).values.tolist(), abs=1e-5
        )
        assert [piece.label for piece in pieces] == [
            model.config.labels[place] for place in shares.argmax(-1).tolist()
        ]


def test_a_long_text_is_tagged_in_pieces(tmp_path: Path) -> None:
    model, vocabulary = load_model(write_model(tmp_path / "model", "token-classifier"))
    room = model.config.context - 2  # between the first token and the last
    first, rest = "q" * room, "x" * 9
    found, short, head, tail = tag(model, vocabulary, [first + rest, "a", first, rest], batch_size=2)
    assert len(short) == 1 and [(s.start, s.end) for s in found] == [(n, n + 1) for n in range(room + 9)]
    assert [s.label for s in found] == [s.label for s in [*head, *tail]]


def test_mistakes(tmp_path: Path) -> None:
    _, vocabulary = load_model(write_model(tmp_path / "model", "token-classifier"))
    with pytest.raises(UserError, match="causal-lm; give a sequence-classifier"):
        classify(tiny_model(), vocabulary, ["a"])
