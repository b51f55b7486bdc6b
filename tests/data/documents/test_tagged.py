"""Tagged text: what a token is, and tags that follow a text that was changed."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmill.data.documents.tagged import retag, spells, tagged_documents, tagged_words, word_tags


def test_brackets_of_groups_marks_and_placeholders() -> None:
    target = "[中央/n  电视台/n]nt  [/w [[甲/ns 乙/n]nt]nz 1/2/m [PHONE]/m"
    assert tagged_words(target) == [
        ("[", "中央", "n"),
        ("", "电视台", "n]nt"),
        ("", "[", "w"),
        ("[[", "甲", "ns"),
        ("", "乙", "n]nt]nz"),
        ("", "1/2", "m"),
        ("", "[PHONE]", "m"),
    ]
    with pytest.raises(ValueError, match="no word/tag: 'word'"):
        tagged_words("a/n word")
    assert word_tags(target)[1:4] == [("电视台", "n"), ("[", "w"), ("甲", "ns")]
    words = "".join(word for _, word, _ in tagged_words(target))
    assert spells(pl.Series([target, target, None, "a"]), pl.Series([words, "x", "", "a"])).to_list() == [
        True,
        False,
        False,
        False,
    ]


def test_documents_with_tags_are_those_whose_target_spells_their_text() -> None:
    targets = ["甲/n 乙/v", "甲/n", "A/B", None]
    frame = pl.DataFrame({"text": ["甲乙"] * 4, "target": targets})
    assert tagged_documents(frame)["target"].to_list() == ["甲/n 乙/v"]


@pytest.mark.parametrize(
    ("target", "after", "expected"),
    [
        ("电话/n ：/w （/w 0717/m ）/w 5401220/m 。/w", "电话：[PHONE]。", "电话/n ：/w [PHONE]/m 。/w"),
        ("甲乙/n 丙/v", "甲丙", "甲/n 丙/v"),
        ("[甲/n 乙/n]nt 丙/v", "甲丙", "[甲/n]nt 丙/v"),
        ("[甲/n 乙/n]nt 丙/v", "乙丙", "[乙/n]nt 丙/v"),
        ("甲/n 丙/v", "甲乙丙", "甲乙/n 丙/v"),
        ("甲/n", "甲 乙", None),
        ("甲/n", "", None),
    ],
)
def test_tags_follow_a_change(target: str, after: str, expected: str | None) -> None:
    before = "".join(word for _, word, _ in tagged_words(target))
    assert retag(target, before, after) == expected


WORD = st.text(alphabet="甲乙1[/", min_size=1, max_size=3)


@given(st.lists(WORD, min_size=1, max_size=6), st.text(alphabet="甲乙1[/P]", max_size=9))
def test_words_are_the_new_text_or_there_are_none(words: list[str], after: str) -> None:
    target = " ".join(f"{word}/n" for word in words)
    try:
        before = "".join(word for _, word, _ in tagged_words(target))
    except ValueError:
        return
    found = retag(target, before, after)
    assert found is None or "".join(word for _, word, _ in tagged_words(found)) == after
