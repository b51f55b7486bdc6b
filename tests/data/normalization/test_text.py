"""One text gets the form that many get in measure, and its parts know where they stood."""

import subprocess
import sys
import unicodedata
from pathlib import Path

import polars as pl
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tokenmill.core.errors import UserError
from tokenmill.core.normalization import (
    FILE,
    Normalization,
    normalization_of,
    read_normalization,
    write_normalization,
)
from tokenmill.data.measure.normalize import normalize
from tokenmill.data.measure.pii import replace_pii
from tokenmill.data.normalization.edited import Edited, apply, differences
from tokenmill.data.normalization.text import normalize_text

ALL = Normalization(remove_html=True, simplify_chinese=True, replace_pii=True)
CHOICES = [Normalization(*(number >> bit & 1 == 1 for bit in range(4))) for number in range(16)]


def measured(text: str, steps: Normalization) -> str:
    """What measure makes of it."""
    texts = normalize(pl.Series("text", [text], dtype=pl.String), steps)
    if steps.replace_pii:
        nothing = pl.Series("target", [None], dtype=pl.String)
        texts = replace_pii(pl.DataFrame([texts, nothing]))["text"]
    found: str = texts[0]
    return found


PARTS = [
    *("<p>", "<b>", "</b>", "<i>", "<br/>", '<a href="x">', "</a>", "<script>", "</script>", "<!--", "-->"),
    *(
        "&lt;",
        "&amp;",
        "&#39;",
        "&nosuch;",
        "&",
        "Foo<A>",
        "vector<i>",
        "Ã©",
        "â€œ",
        "漢語",
        "頭髮",
        "乾隆",
        "汉",
    ),
    *(
        "ＡＢ１２",
        "，",
        "；",
        "e\u0301",
        "가각",
        "\u1112\u1161\u11ab",
        "\u200b",
        "\ufeff",
        "\ue000",
        "😀",
        "word",
    ),
    *("\r\n", "\n\n\n", "\u2028", "\u0085", "\u3000", " ", "\t", "\x00", "1", "电话：１３８１２３４５６７８"),
    *("13812345678", "a@b.cn", "://u:p@h.cn", "203.0.113.77"),
]
TEXTS = st.lists(st.sampled_from(PARTS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=4))


@given(TEXTS.map("".join), st.sampled_from(CHOICES))
@example("<b>漢語</b>，ＡＢ&amp;lt;br&gt;電話１３８１２３４５６７８", ALL)
def test_it_is_what_measure_makes_of_it(text: str, steps: Normalization) -> None:
    assert normalize_text(text, steps).text == measured(text, steps)


@given(TEXTS.map("".join), st.sampled_from(CHOICES))
def test_twice_is_once(text: str, steps: Normalization) -> None:
    once = normalize_text(text, steps)
    again = normalize_text(once.text, steps)
    assert again.text == once.text
    assert again.origin(0, len(again.text)) == (0, len(again.text))


@given(TEXTS.map("".join), st.sampled_from(CHOICES))
def test_origins_are_in_order_and_what_did_not_change_is_itself(text: str, steps: Normalization) -> None:
    edited = normalize_text(text, steps)
    places = [edited.origin(n, n + 1) for n in range(len(edited.text))]
    assert all(0 <= begin <= end <= len(text) for begin, end in places)
    assert places == sorted(places)
    for character, (begin, end) in zip(edited.text, places, strict=True):
        if end == begin + 1 and text[begin].isascii() and text[begin].isalnum():
            assert text[begin] == character


def test_parts_are_found_in_the_text_as_it_was_given() -> None:
    text = "  <b>漢語</b>，\u3000\u3000Ｔｅｌ １３８１２３４５６７８ &amp; cafÃ© e\u0301"
    edited = normalize_text(text, ALL)
    assert edited.text == "汉语， Tel [PHONE] & café é"
    wide = "１３８１２３４５６７８"
    for part, original in [
        ("汉", "漢"), ("汉语", "漢語"), ("语，", "語</b>，"), ("Tel", "Ｔｅｌ"), ("[PHONE]", wide),
        ("ONE", wide), ("&", "&amp;"), ("café", "cafÃ©"), (" é", " e\u0301"),
    ]:  # fmt: skip
        begin = edited.text.index(part)
        start, end = edited.origin(begin, begin + len(part))
        assert text[start:end] == original


def test_empty_parts_and_empty_texts() -> None:
    edited = normalize_text(" <br> \x00 ", ALL)
    assert edited.text == "" and edited.origin(0, 0) == (8, 8)
    assert Edited("abc").origin(1, 1) == (1, 1)


def test_long_stretches_are_one_part() -> None:
    assert list(differences("a" * 3000, "b" * 2000)) == [(0, 3000, "b" * 2000)]
    assert list(differences("abc", "aXc")) == [(1, 2, "X")]


@given(st.dictionaries(st.integers(0, 29), st.sampled_from(["", "x", "yz"])))
def test_changes_of_long_texts_are_told_apart(changes: dict[int, str]) -> None:
    before = "".join(chr(0x4E00 + 7919 * n % 20_000) for n in range(3000))
    after = apply(((100 * n, 100 * n + 1, new) for n, new in sorted(changes.items())), before)
    assume(len(before) != len(after))
    edits = list(differences(before, after))
    assert [begin for begin, _, _ in edits] == [100 * n for n in sorted(changes)]
    assert apply(edits, before) == after


HOSTILE = {
    "comments": "<!--" * 300_000,
    "scripts": "<script>" * 200_000,
    "attributes": '<a x="' * 200_000,
    "names": "<a " + "b=c " * 300_000,
    "nested": "<" * 10_000 + "b/>" * 10_000,
    "ampersands": "&" + "amp;" * 100_000 + "lt;",
    "open": "<b>" * 300_000,
    "references": "&#" + "1" * 1_000_000,
    "credentials": "://" + "a:" * 300_000,
    "numbers": "+1 " * 300_000,
    "digits": "1" * 1_000_000,
    "mails": "a." * 300_000 + "@",
    "marks": "e" + "\u0301" * 300_000,
    "mojibake": "Ã" * 300_000,
    "spaces": " \n" * 300_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_time_grows_with_the_text_alone(name: str) -> None:
    """Where it grew with its square, the test would run into its time limit."""
    normalize_text(HOSTILE[name], Normalization(remove_html=True, simplify_chinese=False, replace_pii=True))


def test_composed_korean_and_vietnamese_keep_their_places() -> None:
    text = unicodedata.normalize("NFD", "Tiếng Việt 한국어 끝")
    edited = normalize_text(text, ALL)
    begin = edited.text.index("한국어")
    start, end = edited.origin(begin, begin + 3)
    assert unicodedata.normalize("NFC", text[start:end]) == "한국어"


def test_the_file_of_a_folder(tmp_path: Path) -> None:
    assert read_normalization(tmp_path) is None
    write_normalization(tmp_path, ALL)
    assert read_normalization(tmp_path) == ALL
    for broken in (
        "[]",
        "{",
        '{"remove_html": true}',
        '{"remove_html": 1, "replace_pii": 1, "simplify_chinese": 1}',
    ):
        (tmp_path / FILE).write_text(broken)
        with pytest.raises(UserError, match=FILE):
            read_normalization(tmp_path)


def test_what_sources_went_through(tmp_path: Path) -> None:
    measure = '"measure": {"remove_html": true, "simplify_chinese": false, "replace_pii": true}'
    raw = '"raw": {"text": {}, "code": {"remove_html": false}}'
    (tmp_path / "manifest.json").write_text(f'{{"params": {{{measure}}}, {raw}}}')
    found = [normalization_of(tmp_path, names) for names in (["text"], ["code"], ["code", "text"])]
    assert [each and each.remove_html for each in found] == [True, False, True]


def test_no_polars_is_loaded() -> None:
    code = (
        "import sys, tokenmill.data.normalization.text as t; from tokenmill.core.normalization import *; "
        "t.normalize_text('<b>x</b>', Normalization(True, False, True)); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"polars", "numpy", "torch", "ftfy", "opencc"} & set(done.stdout.split())


@pytest.mark.parametrize(("module", "text"), [("ftfy", "cafÃ©"), ("opencc", "漢語")])
def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, module: str, text: str) -> None:
    from tokenmill.data.normalization.simplify import converter

    converter.cache_clear()
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=f"`pip install {module}`"):
        normalize_text(text, ALL)
    assert normalize_text("plain, Foo<A>", ALL).text == "plain, Foo<A>"
    converter.cache_clear()
