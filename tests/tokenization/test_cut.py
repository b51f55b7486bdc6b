"""Pre-tokens found by NumPy are those of the pattern."""

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenmill.tokenization.cut import CUT, Cutter, split
from tokenmill.tokenization.train import longest_runs, pre_token_pattern

CUTTERS = {n: Cutter(pre_token_pattern(n), longest_runs(n)) for n in (1, 2, 8)}
EVERY = st.characters(exclude_categories=["Cs"], exclude_characters=CUT)
NASTY = st.sampled_from(
    [
        *" \n\t'sSdmltveLRE12２中国〇々ไé。!😀_　",
        "  ",
        "'s",
        "'ll",
        "'RE",
        "e\u0301",
        "\u0301",
        "x" * 24,
        " " * 24,
        "!" * 25,
    ]
)


def expected(longest: int, texts: list[str]) -> list[str]:
    pattern = regex.compile(pre_token_pattern(longest), regex.V1)
    return [CUT.join(pattern.findall(text)) for text in texts]


@pytest.mark.parametrize("longest", CUTTERS)
@settings(max_examples=200, deadline=None)
@given(texts=st.lists(st.lists(NASTY, max_size=30).map("".join), min_size=1, max_size=4))
def test_every_order_of_classes(longest: int, texts: list[str]) -> None:
    assert list(CUTTERS[longest].cut(texts)) == expected(longest, texts)


@settings(max_examples=200, deadline=None)
@given(texts=st.lists(st.text(EVERY, max_size=40), min_size=1, max_size=4))
def test_every_character(texts: list[str]) -> None:
    assert list(CUTTERS[8].cut(texts)) == expected(8, texts)


@given(
    text=st.lists(st.text("ab", min_size=1, max_size=9), min_size=1).map(CUT.join), longest=st.integers(9, 30)
)
def test_pieces_end_at_cuts(text: str, longest: int) -> None:
    pieces = list(split(text, longest))
    assert CUT.join(pieces) == text and max(map(len, pieces)) <= longest
