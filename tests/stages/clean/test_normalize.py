"""The form that every text gets."""

import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.clean.normalize import normalize


def normalized(*texts: str) -> list[str]:
    return (
        pl.DataFrame({"text": texts}, {"text": pl.String}).select(normalize(pl.col("text")))["text"].to_list()
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("e\u0301te\u0301", "été"),
        ("ﬁve ，！１２", "ﬁve ，！１２"),  # compatibility forms stay: wide punctuation is Chinese
        ("a\x00b\x07c\x7f\x9b", "abc"),
        ("\ufeffa\u200bb\u00adc\u202ed", "abcd"),
        ("👨\u200d👩", "👨\u200d👩"),
        ("a\r\nb\rc\x0bd\x0ce\u0085f\u2028g\u2029h", "a\nb\nc\nd\ne\nf\ng\nh"),
        ("  a \t b\u3000\u00a0c  ", "a b c"),
        ("a  \n  b\n\n\n\n c\n\n", "a\nb\n\nc"),
        ("　　段落开头", "段落开头"),
        ("e\u200b\u0301", "é"),  # they meet once what stands between them is gone
        (" \n \t ", ""),
        ("\x00", ""),
    ],
)
def test_examples(text: str, expected: str) -> None:
    assert normalized(text) == [expected]


@given(
    st.text(
        alphabet=st.characters(exclude_categories=["Cs"]) | st.sampled_from(" \n\t\r\u3000e\u0301\u200b가각")
    )
)
def test_applied_twice_it_changes_nothing_more(text: str) -> None:
    (once,) = normalized(text)
    assert normalized(once) == [once]
    assert unicodedata.is_normalized("NFC", once)
    assert once == once.strip(" \n")
    assert not any(unicodedata.category(character) == "Cc" and character != "\n" for character in once)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zs", "Zl", "Zp"])))
def test_nothing_is_lost_but_what_cannot_be_seen(text: str) -> None:
    assert normalized(text) == [unicodedata.normalize("NFC", text)]
