"""Intervals by drawing groups: right in known cases, the same each time."""

import numpy as np
import pytest

from tokenmill.evaluation.bootstrap import compare_ratios, interval


def test_the_interval_of_a_mean_is_about_that_of_the_normal_law() -> None:
    values = np.random.default_rng(1).normal(3.0, 2.0, 400)
    low, high = interval(values, np.ones(400))
    reach = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - reach, values.mean() + reach), abs=0.05)
    assert interval(values, np.ones(400)) == (low, high)


def test_one_group_alone_says_nothing_of_others() -> None:
    assert interval(np.array([6.0]), np.array([3.0])) == (2.0, 2.0)


def test_large_groups_weigh_more() -> None:
    found = compare_ratios(np.array([1.0, 0.0]), np.array([1.0, 9.0]))
    assert found.gain == 0.1 and 0 <= found.low <= found.gain <= found.high <= 1


def test_a_gain_everywhere_is_no_chance_and_none_is() -> None:
    draw = np.random.default_rng(2)
    sure = compare_ratios(draw.normal(1.0, 0.1, 50), np.ones(50))
    assert sure.p_value == pytest.approx(2 / 1001) and sure.low > 0
    unsure = compare_ratios(draw.normal(0.0, 1.0, 50), np.ones(50))
    assert unsure.p_value > 0.05 and unsure.low < 0 < unsure.high
    assert compare_ratios(np.zeros(5), np.ones(5)).p_value == 1.0
