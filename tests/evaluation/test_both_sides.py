"""N-grams of both sides: what is seen beside a gap, and probabilities against the one-sided model's."""

import numpy as np
import torch

from tokenmill.evaluation.both_sides import BothSides, Gaps, gaps
from tokenmill.evaluation.ngram import NONE, NGram
from tokenmill.objectives.examples import IGNORE_INDEX, Examples
from tokenmill.objectives.span_corruption import SpanCorruption
from tokenmill.text.special import SpecialTokens
from tokenmill.text.tokenizer import BOS

VOCAB = 16
SPECIAL = SpecialTokens(ids=(0, 1, 2, 3, 4, 5, 6, 7), pad=0, bos=BOS, eos=3, mask=4, sentinels=(5, 6, 7))


def stream(seed: int, documents: int = 80) -> np.ndarray:
    random = np.random.default_rng(seed)
    parts = [
        [BOS, *(8 + random.geometric(0.4, length).clip(max=8) - 1)]
        for length in random.integers(1, 9, documents)
    ]
    return np.concatenate(parts)


def test_after_gives_every_token_the_probability_that_log2_probs_gives_it() -> None:
    model, tokens = NGram.fit(stream(1), 4, VOCAB, BOS), stream(2, 6)
    expected = model.log2_probs(tokens)
    for place, token in enumerate(tokens):
        if token != BOS:
            start = max(np.flatnonzero(tokens[:place] == BOS))
            history = np.full((1, 3), NONE)
            seen = tokens[max(start, place - 3) : place]
            history[0, 3 - len(seen) :] = seen
            probabilities = model.after(history)
            assert np.isclose(probabilities.sum(), 1)
            assert np.isclose(np.log2(probabilities[0, token]), expected[place])


def test_text_read_backwards_gives_the_sides_in_exchange() -> None:
    tokens = stream(3)
    documents = np.split(tokens, np.flatnonzero(tokens == BOS)[1:])
    turned = np.concatenate([[BOS, *document[:0:-1]] for document in documents[::-1]])
    left, right = np.array([[9, 8], [NONE, 10]]), np.array([[8, 8], [11, 9]])
    targets, rows = np.array([8, 9]), np.zeros(2, np.int64)
    one = BothSides.fit(tokens, 3, VOCAB, BOS).predict(Gaps(targets, left, right, rows))
    other = BothSides.fit(turned, 3, VOCAB, BOS).predict(Gaps(targets, right, left, rows))
    for found, expected in zip(one, other, strict=True):
        assert np.allclose(found, expected)


def test_a_token_between_two_that_always_enclose_it_is_found() -> None:
    tokens = np.array([BOS, 8, 9, 10, BOS, 8, 11, 12, BOS, 13, 9, 12] * 20)
    model = BothSides.fit(tokens, 2, VOCAB, BOS)
    hidden = Gaps(
        np.array([9, 11, 9]), np.array([[8], [8], [13]]), np.array([[10], [12], [12]]), np.zeros(3, int)
    )
    nats, right = model.predict(hidden)
    assert right.all() and nats.max() < 0.5
    _, blind = model.predict(
        Gaps(hidden.targets_N, np.full((3, 1), NONE), np.full((3, 1), NONE), hidden.rows_N)
    )
    assert not blind.all()


def test_beside_a_masked_token_the_next_one_that_is_hidden_ends_what_is_seen() -> None:
    labels = torch.full((2, 6), IGNORE_INDEX)
    labels[0, 2], labels[0, 3], labels[1, 5] = 10, 11, 12
    inputs = torch.tensor([[BOS, 8, 4, 4, 9, 8], [8, 9, 10, 11, 8, 4]])
    found = gaps(Examples(inputs, labels), SPECIAL, reach=2)
    assert found.targets_N.tolist() == [10, 11, 12]
    assert found.left_NH.tolist() == [[BOS, 8], [NONE, NONE], [11, 8]]
    assert found.right_NH.tolist() == [[NONE, NONE], [8, 9], [NONE, NONE]]
    assert found.rows_N.tolist() == [0, 0, 1]


def test_in_a_span_the_earlier_tokens_are_seen_and_the_later_ones_are_not() -> None:
    source = torch.tensor([[8, 5, 9, 10, 6, 11, 3]])
    labels = torch.tensor([[5, 12, 13, 6, 14, 3, IGNORE_INDEX]])
    found = gaps(Examples(labels, labels, source_BS=source), SPECIAL, reach=2)
    assert found.targets_N.tolist() == [12, 13, 14]
    assert found.left_NH.tolist() == [[NONE, 8], [8, 12], [9, 10]]
    assert found.right_NH.tolist() == [[NONE, NONE], [10, 9], [3, 11]]


def test_targets_stand_in_the_order_of_the_labels() -> None:
    tokens = torch.from_numpy(stream(5, 60))
    length = SpanCorruption(SPECIAL).row_tokens(12)
    rows = tokens[: len(tokens) // length * length].view(-1, length)
    examples = SpanCorruption(SPECIAL).examples(
        rows, vocab_size=VOCAB, generator=torch.Generator().manual_seed(0)
    )
    text = examples.labels_BT[(examples.labels_BT > 7)]
    assert gaps(examples, SPECIAL, reach=3).targets_N.tolist() == text.tolist()
