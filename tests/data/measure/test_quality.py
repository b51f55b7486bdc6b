"""Counters of quality and of words, against plain Python."""

import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenmill.data.measure.quality import BOILERPLATE, BULLETS, TERMINAL, quality
from tokenmill.data.measure.word_counts import word_counts
from tokenmill.data.shingles.units import units

TEXTS = st.text(alphabet=st.sampled_from('ab好。.!…#{\n\n•- x"1'), max_size=40).map(
    lambda text: text.strip("\n")
)
"""As normalising leaves them: no text ends with an end of line, or is nothing else."""


def counted(*texts: str) -> list[dict[str, int]]:
    return quality(pl.Series("text", texts, dtype=pl.String)).to_dicts()


@settings(max_examples=80)
@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_counts_are_those_of_plain_python(texts: list[str]) -> None:
    for text, made in zip(texts, counted(*texts), strict=True):
        lines = [line for line in text.split("\n") if line]
        paragraphs = [part for part in text.split("\n\n") if part] if "\n\n" in text else [text] * bool(text)
        later = [line for place, line in enumerate(lines) if line in lines[:place]]
        copies = [part for place, part in enumerate(paragraphs) if part in paragraphs[:place]]
        expected = {
            "head_characters": len(text),
            "hash_signs": text.count("#"),
            "curly_braces": text.count("{"),
            "line_ends": text.count("\n"),
            "lines": len(lines),
            "terminal_lines": sum(line[-1] in TERMINAL for line in lines),
            "bullet_lines": sum(line[0] in BULLETS for line in lines),
            "short_lines": sum(len(line) <= 30 for line in lines),
            "duplicate_lines": len(later),
            "duplicate_line_characters": sum(map(len, later)),
            "paragraphs": len(paragraphs),
            "duplicate_paragraphs": len(copies),
            "duplicate_paragraph_characters": sum(map(len, copies)),
        }
        assert {name: made[name] for name in expected} == expected


def test_marks_of_both_languages() -> None:
    (made,) = counted('他来了。她走了！真的？！ Yes. No... "Why?" 3.14 是圆周率……')
    assert made["sentences"] == 6  # and no sentence ends within a number
    assert made["ellipses"] == 2
    (page,) = counted("Lorem ipsum\n转载请注明出处\nPlease enable JavaScript\n正文\ufffd\ue5ee在这里…")
    assert (page["lorem_ipsum"], page["boilerplate_lines"], page["broken_characters"]) == (1, 2, 2)
    assert page["ellipsis_lines"] == 1


@pytest.mark.parametrize(
    "phrase",
    [
        *("JavaScript", "Cookie Policy", "use of cookies", "Uses of cookies", "use cookies", "uses Cookies"),
        *(
            "privacy policy",
            "Terms of Use",
            "terms of service",
            "ALL RIGHTS RESERVED",
            "版权所有",
            "未经许可",
        ),
        *("转载请注明", "隐私政策", "用户协议", "icp备", "ICP证"),
        *("点击查看更多", "扫描二维码"),
    ],
)
def test_each_phrase_of_web_pages_is_found(phrase: str) -> None:
    assert re.search(BOILERPLATE, phrase)
    (made,) = counted(f"one line\nthis one {phrase} here\nanother")
    assert made["boilerplate_lines"] == 1


def test_words() -> None:
    texts = ["The end of the 3 pages, and 1998.", "我们的书，我在看 Python 3", "", "……"]
    made = word_counts(units(pl.Series(texts))).to_dicts()
    assert [row["words"] for row in made] == [8, 9, 0, 0]
    assert [row["word_characters"] for row in made] == [24, 14, 0, 0]
    assert [row["numbers"] for row in made] == [2, 1, 0, 0]
    assert [row["stop_words_en"] for row in made] == [3, 0, 0, 0]  # the, of, and: "the" once
    assert [row["stop_words_zh"] for row in made] == [0, 3, 0, 0]  # 我, 的, 在
