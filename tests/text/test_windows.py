"""Hashed windows of characters."""

import torch

from tokenmill.text.windows import BUCKETS, REACH, WINDOWS, window_buckets


def _codes(text: str) -> torch.Tensor:
    return torch.tensor([[ord(character) for character in text]])


def test_a_window_depends_on_its_own_characters_alone() -> None:
    one, other = window_buckets(_codes("abcdefg"), 4), window_buckets(_codes("abcXefg"), 4)
    for place in range(7):
        for number, window in enumerate(WINDOWS):
            same = bool(one[0, place, number] == other[0, place, number])
            assert same == (3 - place not in window), (place, window)


def test_equal_windows_share_a_bucket_wherever_they_stand_and_others_do_not() -> None:
    (found,) = window_buckets(_codes("xyzabcabcxyz"), 4)[:, 4:8].unbind(0)
    number = WINDOWS.index((-1, 0, 1))
    again = window_buckets(_codes("__abc__"), 4)[0, 3, number]
    assert found[0, number] == found[3, number] == again
    assert len(set(found[0].tolist())) == len(WINDOWS)


def test_shorter_windows_alone_and_numbers_that_stay() -> None:
    buckets = window_buckets(_codes("北京"), 2)
    assert buckets.shape == (1, 2, sum(len(window) <= 2 for window in WINDOWS))
    assert int(buckets.min()) >= 0 and int(buckets.max()) < BUCKETS
    assert buckets[0, 0, :4].tolist() == GOLDEN
    assert max(abs(place) for window in WINDOWS for place in window) == REACH


GOLDEN = [183084, 426983, 251700, 18166]
