"""A model that begins with bigrams predicts what counting predicts."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lm.errors import UserError
from lm.model.families import family_config
from lm.model.heads import LanguageModel, build_model
from lm.training.bigrams import begin_with_bigrams, bigram_weights

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
    model = fresh(tied=False, embedding_norm="none")
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


def test_the_weights_follow_from_text_and_seed_and_need_no_norm() -> None:
    train = text(5_000, 1)
    embeddings, output = bigram_weights(train, VOCAB, 32, seed=1)
    np.testing.assert_allclose(np.square(embeddings).mean(1), 1, rtol=1e-4)
    again = bigram_weights(train, VOCAB, 32, seed=1)
    np.testing.assert_array_equal(output, again[1])
    assert np.isfinite(output).all()
    assert not np.array_equal(output, bigram_weights(train, VOCAB, 32, seed=2)[1])


@pytest.mark.parametrize("changes", [{"tied": True}, {"tied": False, "embedding_norm": "gain"}])
def test_a_model_that_cannot_hold_bigrams_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(UserError, match="small-gpt"):
        begin_with_bigrams(fresh(**changes), text(100, 1), seed=1)


def test_more_dimensions_than_tokens_are_refused() -> None:
    with pytest.raises(UserError, match="vocab_size"):
        begin_with_bigrams(fresh(width=384, tied=False), text(100, 1), seed=1)
