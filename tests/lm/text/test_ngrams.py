"""N-grams of characters as buckets."""

import numpy as np

from lm.text.ngrams import BUCKETS, ngram_buckets


def test_each_occurrence_counts_once_and_equal_runs_share_a_bucket() -> None:
    once, thrice = ngram_buckets("好", 1), ngram_buckets("好好好", 1)
    edge, good = set(once), set(thrice)
    assert edge == good and len(once) == 3 and len(thrice) == 5  # the ends of a text count as characters
    assert np.bincount(np.unique(thrice, return_inverse=True)[1]).tolist() in ([2, 3], [3, 2])
    assert len(ngram_buckets("很好。", 3)) == 5 + 4 + 3
    assert len(ngram_buckets("", 3)) == 2 + 1


def test_case_does_not_count_but_order_and_length_do() -> None:
    assert ngram_buckets("Not BAD", 3).tolist() == ngram_buckets("not bad", 3).tolist()
    runs = ["a", "b", "ab", "ba", "aa", "aaa", "不", "不好", "好不"]
    last = [int(ngram_buckets(run, len(run))[-2]) for run in runs]  # of the run itself without an end
    assert len(set(last)) == len(runs) and all(0 <= bucket < BUCKETS for bucket in last)


def test_the_numbers_stay_what_trained_models_know() -> None:
    """Weights on disk belong to buckets by number: another hash would make them meaningless."""
    assert ngram_buckets("a好", 2).tolist() == [183084, 356617, 684543, 183084, 136562, 511290, 970778]


def test_few_of_many_ngrams_meet() -> None:
    random = np.random.default_rng(0)
    text = "".join(map(chr, random.integers(0x4E00, 0x9FA5, 20_000)))
    pairs = ngram_buckets(text, 2)[len(text) + 2 :]
    expected = BUCKETS * (1 - np.exp(-len(pairs) / BUCKETS))  # different buckets, were they thrown by chance
    assert abs(len(np.unique(pairs)) - expected) < 4 * np.sqrt(len(pairs) ** 2 / 2 / BUCKETS)
