"""chrF beside sacrebleu, ROUGE by hand, the longest common subsequence beside its table, the bootstrap."""

import random

import numpy as np
import pytest
from sacrebleu.metrics import CHRF

from tokenmill.evaluation.overlap import (
    chrf,
    chrf_counts,
    common_subsequence,
    interval,
    p_value,
    resampled,
    rouge,
    rouge_units,
)

ANSWERS = ["打开文件", "the cat sat", "", "a", "保存 {0} 到  %s", "完全不同", "same", "abcdefgh"]
REFERENCES = ["打开一个文件", "the cat sat on it", "空", "a", "把 {0} 保存到 %s", "nothing", "same", "ab"]


def test_chrf_is_that_of_sacrebleu() -> None:
    metric, pairs = CHRF(), list(zip(ANSWERS, REFERENCES, strict=True))
    counts = np.array([chrf_counts(*pair) for pair in pairs], float)
    for row, (answer, reference) in zip(counts, pairs, strict=True):
        expected = metric.sentence_score(answer, [reference]).score / 100
        assert float(chrf(row)) == pytest.approx(expected), (answer, reference)
    assert float(chrf(counts.sum(0))) == pytest.approx(metric.corpus_score(ANSWERS, [REFERENCES]).score / 100)
    assert chrf(counts).tolist() == pytest.approx([float(chrf(row)) for row in counts])


def test_rouge_counts_chinese_by_character_and_english_by_word() -> None:
    assert rouge_units("打开File 2.txt，好！") == ["打", "开", "file", "2", "txt", "好"]
    # 3 of 4 and 3 of 5 units; 1 of 3 and 1 of 4 pairs (开文 does not stand there); 3 in order
    assert rouge("打开文书", "打开了文件") == pytest.approx((2 * 3 / 9, 2 * 1 / 7, 2 * 3 / 9))
    assert rouge("Same, same.", "same same") == (1, 1, 1)
    assert rouge("", "空") == rouge("！", "空") == (0, 0, 0)


def test_the_longest_common_subsequence_is_that_of_the_table() -> None:
    draw = random.Random(1)
    for _ in range(50):
        one, other = ("".join(draw.choices("abc", k=draw.randrange(70))) for _ in range(2))
        table = np.zeros((len(one) + 1, len(other) + 1), int)
        for i, a in enumerate(one):
            for j, b in enumerate(other):
                same = table[i, j] + 1 if a == b else 0
                table[i + 1, j + 1] = max(same, table[i, j + 1], table[i + 1, j])
        assert common_subsequence(one, other) == table[-1, -1]


def test_groups_are_drawn_whole_and_the_same_each_time() -> None:
    groups = np.array([0, 0, 1, 2, 2, 2])
    draws = resampled(groups, seed=1)
    assert (draws == resampled(groups, seed=1)).all() and (draws != resampled(groups, seed=2)).any()
    assert (draws[:, 0] == draws[:, 1]).all() and (draws[:, 3] == draws[:, 5]).all()
    assert (draws[:, [0, 2, 3]].sum(1) == 3).all()
    assert interval(np.arange(1001.0)) == pytest.approx((25, 975))


def test_a_gain_that_every_draw_has_is_no_chance() -> None:
    assert p_value(np.ones(1000)) == pytest.approx(2 / 1001)
    assert p_value(np.zeros(1000)) == 1 and p_value(np.array([1.0, -1.0] * 500)) == 1
