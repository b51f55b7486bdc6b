"""Units: what counts as one, where it stands, and what it is equal to."""

import re
import unicodedata

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmill.data.shingles import units as module
from tokenmill.data.shingles.units import Units, shingles, units

# A stray combining mark is a unit of its own in polars' eyes; those are left to the examples.
LETTERS = "abcABCéÉß0123456789٣字世界カな、。,.-_ \n\t😀\U00020000\U000f0000"
TEXTS = st.lists(st.none() | st.text(alphabet=LETTERS, max_size=30), max_size=6)


def series(*texts: str | None) -> pl.Series:
    return pl.Series("text", texts, dtype=pl.String)


def bounds(found: Units) -> tuple[list[int], list[int]]:
    """Where each text's units begin and end."""
    return found.offsets[:-1].tolist(), found.offsets[1:].tolist()


def spelled(*texts: str | None) -> list[list[str]]:
    """The characters of each text's units."""
    found = units(series(*texts))
    return [
        [(text or "")[a:b] for a, b in zip(found.starts[i:j], found.ends[i:j], strict=True)]
        for text, i, j in zip(texts, *bounds(found), strict=True)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't stop!", ["Don", "t", "stop"]),
        ("今天2024年", ["今", "天", "2024", "年"]),
        ("GPT模型v2", ["GPT", "模", "型", "v2"]),
        ("カタカナと々", ["カ", "タ", "カ", "ナ", "と", "々"]),
        ("한국어 텍스트", ["한국어", "텍스트"]),
        ("cafe\u0301 हिन्दी", ["cafe\u0301", "हिन्दी"]),
        ("a_b，c。d", ["a", "b", "c", "d"]),
        ("\U00020000\U00020001", ["\U00020000", "\U00020001"]),
        ("😀 \U000f0000 …", []),
        ("", []),
    ],
)
def test_examples(text: str, expected: list[str]) -> None:
    assert spelled(text) == [expected]


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("Hello", "hELLO", True),
        ("1999", "2024", True),
        ("٣", "7", True),
        ("1999", "199", False),
        ("ÉTÉ", "été", True),
        ("ab", "ba", False),
        ("a", "aa", False),
        ("字", "子", False),
    ],
)
def test_what_is_equal(a: str, b: str, same: bool) -> None:
    left, right = units(series(a)).hashes, units(series(b)).hashes
    assert (left.tolist() == right.tolist()) == same


def fold(unit: str) -> str:
    return re.sub(r"\d", "0", unit.lower())


@given(TEXTS)
def test_the_same_as_one_character_at_a_time(texts: list[str | None]) -> None:
    def slowly(text: str) -> list[str]:
        return re.findall(r"[\u3040-\u30ff\u4e00-\u9fff\U00020000]|[a-zA-Z0-9éÉß٣]+", text)

    assert spelled(*texts) == [slowly(text or "") for text in texts]
    found = units(series(*texts))
    names = [fold(unit) for text in texts for unit in slowly(text or "")]
    assert len(set(names)) == len(set(found.hashes.tolist()))
    assert len(set(names)) == len(set(zip(names, found.hashes.tolist(), strict=True)))


@given(TEXTS)
def test_a_text_has_the_same_units_in_any_company(texts: list[str | None]) -> None:
    together = units(series(*texts))
    for i, text in enumerate(texts):
        alone = units(series(text))
        own = slice(together.offsets[i], together.offsets[i + 1])
        for field in ("hashes", "starts", "ends"):
            assert np.array_equal(getattr(together, field)[own], getattr(alone, field))


def test_windows_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    text = series("one two three 四五六 seven" * 30, "eight")
    whole = units(text)
    monkeypatch.setattr(module, "WINDOW", 16)
    pieces = units(text)
    assert np.array_equal(whole.hashes, pieces.hashes)
    assert np.array_equal(whole.starts, pieces.starts)


def test_a_run_longer_than_a_window_is_cut_and_nothing_is_lost() -> None:
    found = units(series("a" * (3 * module.WINDOW + 5)))
    assert found.ends.tolist() == [*found.starts.tolist()[1:], 3 * module.WINDOW + 5]
    assert len(found.starts) == 4


def test_hashes_are_pinned() -> None:
    """Signatures stand on disk; other hashes would make them worthless."""
    found = units(series("Hello 世界 2024"))
    expected = ["6e6fcd53f72eb8b7", "118a983192fe7d8a", "4b464f7fb7d9a05f", "cfa914b5bddc4c50"]
    assert [f"{value:016x}" for value in found.hashes.tolist()] == expected


@given(TEXTS, st.integers(1, 4))
def test_shingles_are_runs_of_units_within_a_text(texts: list[str | None], size: int) -> None:
    found = units(series(*texts))
    hashes, offsets, first = shingles(found, size)
    expected = [
        (unit, tuple(found.hashes[unit : unit + size].tolist()))
        for i, j in zip(*bounds(found), strict=True)
        for unit in range(i, j - size + 1)
    ]
    assert first.tolist() == [unit for unit, _ in expected]
    runs = [run for _, run in expected]
    assert len(set(zip(runs, hashes.tolist(), strict=True))) == len(set(runs)) == len(set(hashes.tolist()))
    counts = [max(j - i - size + 1, 0) for i, j in zip(*bounds(found), strict=True)]
    assert np.diff(offsets).tolist() == counts


@given(st.text(max_size=40))
def test_any_text_at_all(text: str) -> None:
    (found,) = spelled(text.encode("utf-8", "ignore").decode())
    assert all(unicodedata.category(character)[0] in "LMNC" for unit in found for character in unit)
