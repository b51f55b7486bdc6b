"""Scores of texts equal sums by hand, whatever else stands in the batch."""

from pathlib import Path

import pytest
import torch

from tests.tiny_models import plain_ids, tiny_model, write_model
from tokenmill.core.errors import UserError
from tokenmill.inference.score import score
from tokenmill.model.folder import load_model

TEXTS = ["我喜欢看电影。", "a", "books and small films"]


@pytest.mark.parametrize("family", ["small-gpt", "gpt2", "lstm"])
def test_a_causal_model_scores_each_token_after_those_before(tmp_path: Path, family: str) -> None:
    model, vocabulary = load_model(write_model(tmp_path / "model", family=family))
    for text, found in zip(TEXTS, score(model, vocabulary, TEXTS), strict=True):
        tokens = plain_ids(vocabulary, text)
        logs = model(torch.tensor([[2, *tokens]]))[0].log_softmax(-1)
        expected = [float(logs[place, token]) for place, token in enumerate(tokens)]
        assert found.tokens == tuple(tokens)
        assert found.log_probabilities == pytest.approx(expected, abs=1e-5)
        assert found.total == pytest.approx(sum(expected), abs=1e-4)
        assert found.mean == pytest.approx(sum(expected) / len(expected), abs=1e-5)


def test_a_text_to_text_model_scores_answers_and_their_ends(tmp_path: Path) -> None:
    model, vocabulary = load_model(write_model(tmp_path / "model", "text-to-text"))
    sources = ["我喜欢", "books and films and a test", "音乐"]
    for text, source, found in zip(
        TEXTS, sources, score(model, vocabulary, TEXTS, sources=sources), strict=True
    ):
        tokens = [*plain_ids(vocabulary, text), 3]
        read = torch.tensor(vocabulary.encode([source]))
        logs = model(torch.tensor([[0, *tokens[:-1]]]), source_BS=read)[0].log_softmax(-1)
        assert found.tokens == tuple(tokens)
        assert found.log_probabilities == pytest.approx(
            [float(logs[place, token]) for place, token in enumerate(tokens)], abs=1e-4
        )


def test_a_masked_model_scores_each_token_masked_alone(tmp_path: Path) -> None:
    model, vocabulary = load_model(write_model(tmp_path / "model", "masked-lm"))
    for text, found in zip(TEXTS, score(model, vocabulary, TEXTS, batch_size=3), strict=True):
        row, expected = vocabulary.encode([text])[0], []
        for place in range(1, len(row) - 1):
            hidden = [*row[:place], 4, *row[place + 1 :]]
            expected.append(float(model(torch.tensor([hidden]))[0, place].log_softmax(-1)[row[place]]))
        assert found.log_probabilities == pytest.approx(expected, abs=1e-4)


def test_mistakes(tmp_path: Path) -> None:
    model, vocabulary = load_model(write_model(tmp_path / "model"))
    with pytest.raises(UserError, match="scores texts alone"):
        score(model, vocabulary, ["a"], sources=["b"])
    with pytest.raises(UserError, match="one source each"):
        score(tiny_model("text-to-text"), vocabulary, ["a"])
    with pytest.raises(UserError, match="text 2 has 40 tokens, the model's context is 32"):
        score(model, vocabulary, ["a", "q" * 40])
    with pytest.raises(UserError, match="sequence-classifier"):
        score(tiny_model("sequence-classifier"), vocabulary, ["a"])
