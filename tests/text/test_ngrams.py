"""N-grams of characters as buckets."""

import numpy as np

from tokenmill.text.ngrams import BUCKETS, ngram_buckets


def test_each_run_counts_once_however_often_it_occurs() -> None:
    once, thrice = ngram_buckets("好", 1), ngram_buckets("好好好", 1)
    assert once.tolist() == thrice.tolist() and len(once) == 2  # the ends of a text count as one character
    assert len(ngram_buckets("很好。", 3)) == 4 + 4 + 3
    assert len(ngram_buckets("", 3)) == 1 + 1


def test_case_does_not_count_but_order_and_length_do() -> None:
    assert ngram_buckets("Not BAD", 3).tolist() == ngram_buckets("not bad", 3).tolist()
    runs = ["a", "b", "ab", "ba", "aa", "aaa", "不", "不好", "好不"]
    found = [set(ngram_buckets(run, 3).tolist()) for run in runs]
    assert len(set(map(frozenset, found))) == len(runs)
    assert all(0 <= bucket < BUCKETS for buckets in found for bucket in buckets)


def test_the_numbers_stay_what_trained_models_know() -> None:
    """Weights on disk belong to buckets by number: another hash would make them meaningless."""
    assert ngram_buckets("a好", 2).tolist() == sorted([183084, 356617, 684543, 136562, 511290, 970778])


def test_few_of_many_ngrams_meet() -> None:
    random = np.random.default_rng(0)
    text = "".join(map(chr, random.integers(0x4E00, 0x9FA5, 20_000)))
    marked = f"\0{text}\0"
    runs = len(set(marked)) + len({marked[place : place + 2] for place in range(len(marked) - 1)})
    expected = BUCKETS * (1 - np.exp(-runs / BUCKETS))  # different buckets, were they thrown by chance
    assert abs(len(ngram_buckets(text, 2)) - expected) < 4 * np.sqrt(runs**2 / 2 / BUCKETS)
