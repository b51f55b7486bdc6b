"""A model that begins with bigrams predicts what counting predicts."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tokenmill.core.errors import UserError
from tokenmill.model.families import family_config
from tokenmill.model.heads import LanguageModel, build_model
from tokenmill.pretraining.bigrams import DEVIATION, begin_with_bigrams, bigram_weights

VOCAB = 400


def text(length: int, seed: int) -> np.ndarray:
    """Tokens of which each has a few likely successors, and some of which are much more frequent."""
    random = np.random.default_rng(5)
    successors = random.zipf(1.3, (VOCAB, 4)) % VOCAB
    random = np.random.default_rng(seed)
    tokens = [0]
    for choice, jump in zip(random.integers(0, 4, length), random.random(length) < 0.1, strict=True):
        tokens.append(int(random.integers(VOCAB)) if jump else int(successors[tokens[-1], choice]))
    return np.array(tokens, np.uint16)


def nats(logits: torch.Tensor, stream: np.ndarray) -> float:
    return float(F.cross_entropy(logits, torch.from_numpy(stream[1:].astype(np.int64))))


def fresh(width: int = 64, **changes: object) -> LanguageModel:
    torch.manual_seed(0)
    shape = {"vocab_size": VOCAB, "layers": 1, "width": width, "heads": 2, "context": 32}
    model = build_model(family_config("small-gpt", **shape, **changes))
    assert isinstance(model, LanguageModel)
    return model


def test_it_begins_far_below_single_tokens_and_near_the_exact_bigram_model() -> None:
    train, test = text(40_000, 1), text(4_000, 2)
    model = fresh(head="bilinear")
    begin_with_bigrams(model, train, seed=1)
    with torch.no_grad():
        rows = torch.from_numpy(test[:-1].astype(np.int64)).split(32)
        begun = nats(torch.cat([model(row[None])[0] for row in rows]), test)

    counts = np.zeros((VOCAB, VOCAB))
    np.add.at(counts, (train[:-1].astype(int), train[1:].astype(int)), 1)
    share = (counts.sum(0) + 0.5) / (counts.sum(0) + 0.5).sum()
    exact = torch.from_numpy(np.log(counts + 100 * share))[test[:-1].astype(int)]
    single = torch.from_numpy(np.log(share)).expand(len(test) - 1, -1)
    assert begun < nats(single, test) - 0.5 * (nats(single, test) - nats(exact, test))


def test_the_weights_follow_from_text_and_seed() -> None:
    train = text(5_000, 1)
    embeddings, head = bigram_weights(train, VOCAB, 32, seed=1)
    for one, other in zip((embeddings, head), bigram_weights(train, VOCAB, 32, seed=1), strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.isfinite(embeddings).all() and np.isfinite(head).all()
    assert np.sqrt(np.square(embeddings).mean()) == pytest.approx(DEVIATION, rel=1e-4)
    assert not np.array_equal(head, bigram_weights(train, VOCAB, 32, seed=2)[1])


def test_a_token_that_never_occurs_has_finite_weights_and_is_unlikely() -> None:
    train = text(20_000, 1)
    train[train == 7] = 8
    model = fresh(head="bilinear")
    begin_with_bigrams(model, train, seed=1)
    with torch.no_grad():
        logits = model(torch.arange(VOCAB).reshape(-1, 16))
    assert torch.isfinite(logits).all()
    by_token = logits.mean((0, 1))
    assert by_token[7] < by_token.quantile(0.25)


def test_a_model_that_cannot_hold_bigrams_is_refused() -> None:
    with pytest.raises(UserError, match="small-gpt"):
        begin_with_bigrams(fresh(), text(100, 1), seed=1)


def test_more_dimensions_than_tokens_are_refused() -> None:
    with pytest.raises(UserError, match="vocab_size"):
        begin_with_bigrams(fresh(width=384, head="bilinear"), text(100, 1), seed=1)
