"""The Kneser-Ney model against values worked out by hand, and against a slow one made of dictionaries."""

from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest

from tokenmill.evaluation.ngram import FALLBACK_DISCOUNTS, NGram
from tokenmill.text.tokenizer import BOS, EOS

VOCAB = 12
A, B, C = 9, 10, 11


def stream(*documents: list[int]) -> np.ndarray:
    return np.array([token for document in documents for token in (BOS, *document, EOS)])


def random_stream(seed: int, documents: int = 60) -> np.ndarray:
    """Documents of skewed length and skewed ids, so that counts of 1, 2, 3 and 4 all occur."""
    random = np.random.default_rng(seed)
    lengths = random.integers(0, 9, documents)
    return stream(*((6 + np.minimum(random.geometric(0.4, length), 5)).tolist() for length in lengths))


def probability(model: NGram, history: list[int], token: int) -> float:
    return float(2 ** model.log2_probs(np.array([BOS, *history, token]))[-1])


def slow_probability(documents: list[list[int]], order: int, history: list[int], token: int) -> float:
    """Chen & Goodman's recursion, word for word, with dictionaries."""
    raw: dict[int, Counter[tuple[int, ...]]] = {k: Counter() for k in range(1, order + 1)}
    left = defaultdict(set)
    for document in documents:
        for end in range(1, len(document)):
            for k in range(1, order + 1):
                if end - k + 1 >= 0:
                    gram = tuple(document[end - k + 1 : end + 1])
                    raw[k][gram] += 1
                    if k > 1:
                        left[gram[1:]].add(gram[0])
    counts = {
        k: {g: n if k == order or g[0] == BOS else len(left[g]) for g, n in raw[k].items()} for k in raw
    }

    def discounts(k: int) -> tuple[float, float, float]:
        n = [sum(1 for c in counts[k].values() if c == wanted) for wanted in range(5)]
        if not (n[1] and n[2] and n[3]):
            return FALLBACK_DISCOUNTS
        y = n[1] / (n[1] + 2 * n[2])
        found = (1 - 2 * y * n[2] / n[1], 2 - 3 * y * n[3] / n[2], 3 - 4 * y * n[4] / n[3])
        return found if all(0 < d <= i + 1 for i, d in enumerate(found)) else FALLBACK_DISCOUNTS

    def p(k: int, h: tuple[int, ...]) -> float:
        if k == 0:
            return 1 / (VOCAB - 1)
        d = discounts(k)
        after = {g: c for g, c in counts[k].items() if g[:-1] == h}
        if not after:
            return p(k - 1, h[1:])
        total = sum(after.values())
        gamma = sum(d[min(c, 3) - 1] for c in after.values()) / total
        own = after.get((*h, token), 0)
        return (own - (d[min(own, 3) - 1] if own else 0)) / total + gamma * p(k - 1, h[1:])

    usable = tuple([BOS, *history][-(order - 1) :]) if order > 1 else ()
    return p(len(usable) + 1, usable)


def split(tokens: np.ndarray) -> list[list[int]]:
    starts = [*np.flatnonzero(tokens == BOS).tolist(), len(tokens)]
    return [tokens[a:b].tolist() for a, b in pairwise(starts)]


def test_a_bigram_model_worked_out_by_hand() -> None:
    # <bos> A B <eos> and <bos> A C <eos>. Bigrams: <bos>A 2, AB 1, AC 1, B<eos> 1, C<eos> 1.
    # Left neighbours: A 1 (<bos>), B 1, C 1, <eos> 2 (B and C); 5 in all. Discounts fall back to .5, 1, 1.5.
    model = NGram.fit(stream([A, B], [A, C]), 2, VOCAB, BOS)
    uniform = 1 / 11
    left_over = (0.5 + 0.5 + 0.5 + 1) / 5
    unigram_b = (1 - 0.5) / 5 + left_over * uniform
    unigram_eos = (2 - 1) / 5 + left_over * uniform
    assert probability(model, [], B) == pytest.approx(1 / 2 * unigram_b)  # A twice, less 1 of 2
    assert probability(model, [A], B) == pytest.approx((1 - 0.5) / 2 + (0.5 + 0.5) / 2 * unigram_b)
    assert probability(model, [A, B], EOS) == pytest.approx((1 - 0.5) / 1 + 0.5 * unigram_eos)
    assert probability(model, [8], 8) == pytest.approx(left_over * uniform)  # never seen


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_equals_the_recursion_written_with_dictionaries(order: int) -> None:
    train, test = random_stream(1), random_stream(2, documents=6)
    model = NGram.fit(train, order, VOCAB, BOS)
    expected = [
        0.0 if place == 0 else np.log2(slow_probability(split(train), order, document[1:place], token))
        for document in split(test)
        for place, token in enumerate(document)
    ]
    np.testing.assert_allclose(model.log2_probs(test), expected, rtol=1e-12)


def test_discounts_worked_out_by_hand() -> None:
    # 11 ids once (with <eos>), 4 twice, 2 three times, 1 four times: 29 tokens.
    document = [*range(7, 17), *[17, 18, 19, 20] * 2, *[21, 22] * 3, *[23] * 4]
    model = NGram.fit(stream(document), 1, 24, BOS)
    y = 11 / (11 + 2 * 4)
    once, twice, more = 1 - 2 * y * 4 / 11, 2 - 3 * y * 2 / 4, 3 - 4 * y * 1 / 2
    left_over = (11 * once + 4 * twice + 3 * more) / 29 / 23
    for token, count, discount in ((7, 1, once), (17, 2, twice), (21, 3, more), (23, 4, more), (4, 0, 0)):
        assert model.unigram[token] == pytest.approx((count - discount) / 29 + left_over)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("history", [[], [7], [7, 8], [7, 7, 7], [3, 3], [11, 3, 7], [EOS]])
def test_probabilities_sum_to_one_after_any_history(order: int, history: list[int]) -> None:
    model = NGram.fit(random_stream(3), order, VOCAB, BOS)
    total = sum(probability(model, history, token) for token in range(VOCAB) if token != BOS)
    assert total == pytest.approx(1, abs=1e-12)


def test_an_unseen_history_backs_off_to_the_shorter_one() -> None:
    train = random_stream(4)
    trigram = NGram.fit(train, 3, VOCAB, BOS)
    # Id 3 never occurs, so (3, 7) was never a history: what is left is the lower order's estimate for 7.
    lower = probability(trigram, [5, 3, 7], 8)
    assert 0 < lower == pytest.approx(probability(trigram, [4, 3, 7], 8))
    assert lower != pytest.approx(probability(trigram, [7, 7, 7], 8))


def test_histories_end_at_the_start_of_the_document() -> None:
    model = NGram.fit(random_stream(5), 4, VOCAB, BOS)
    document = stream([7, 8, 9])
    together = model.log2_probs(np.concatenate([stream([10, 11, 7]), document]))
    np.testing.assert_array_equal(together[-len(document) :], model.log2_probs(document))


def test_bos_is_given_and_costs_nothing() -> None:
    model = NGram.fit(random_stream(6), 3, VOCAB, BOS)
    tokens = random_stream(7)
    bits = model.log2_probs(tokens)
    assert (bits[tokens == BOS] == 0).all() and (bits[tokens != BOS] < 0).all()


def test_an_order_longer_than_every_document_is_the_longest_there_is() -> None:
    train = stream([A], [B], [A])
    np.testing.assert_array_equal(
        NGram.fit(train, 8, VOCAB, BOS).log2_probs(train), NGram.fit(train, 3, VOCAB, BOS).log2_probs(train)
    )


def test_ids_of_a_large_vocabulary_do_not_collide() -> None:
    large = 1_000_000
    small = random_stream(8)
    train = np.where(small > EOS, small + large - VOCAB, small).astype(np.uint32)
    near = NGram.fit(small, 4, VOCAB, BOS)
    far = NGram.fit(train, 4, large, BOS)
    assert [len(o.keys) for o in far.orders] == [len(o.keys) for o in near.orders]
    assert (far.log2_probs(train) < 0).sum() == (train != BOS).sum()


def test_more_context_predicts_a_regular_text_better() -> None:
    train = stream(*[[7, 8, 9, 7, 9, 8] * 3 for _ in range(20)])
    bits = [-NGram.fit(train, order, VOCAB, BOS).log2_probs(train).sum() for order in (1, 2, 3)]
    assert bits[0] > bits[1] > bits[2]
