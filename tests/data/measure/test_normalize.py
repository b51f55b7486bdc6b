"""The form that every text gets."""

import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmill.core.normalization import Normalization
from tokenmill.data.measure.normalize import normalize
from tokenmill.data.normalization.steps import WIDE


def normalized(*texts: str | None, html: bool = True, simplify: bool = False) -> list[str | None]:
    steps = Normalization(remove_html=html, simplify_chinese=simplify, replace_pii=False)
    return normalize(pl.Series("text", texts, dtype=pl.String), steps).to_list()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("e\u0301te\u0301", "été"),
        ("ﬁve ，！（）％", "ﬁve ，！（）％"),  # compatibility forms stay: wide punctuation is Chinese
        ("ＡＢｃ１２，ｅ", "ABc12，e"),
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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cafÃ© â€œyesâ€\x9d", "café “yes”"),
        ("schÃ¶n", "schön"),
        ("å¥½ä¹¦", "好书"),
        ("Ã\u200b©", "é"),  # what is uncovered is repaired too
        ("été Ã la carte", "été Ã la carte"),  # not mojibake
        ("Tom &amp; Jerry&#39;s &#x4e2d;&nbsp;x", "Tom & Jerry's 中 x"),
        ("&amp;lt;b&amp;gt;bold&amp;lt;/b&amp;gt;", "bold"),
        ("AT&T &nosuch; &copy=1", "AT&T &nosuch; &copy=1"),
        ('one<br/>two<p class="x">three</p>', "one\ntwo\nthree"),
        ('<a href="a?b=1">link</a> <B>bold</B>', "link bold"),
        ("<script>var a = '<b>';</script>text<!-- no -->", "text"),
        (
            "if a <b and c> d, see <filename> or List<String>",
            "if a <b and c> d, see <filename> or List<String>",
        ),
        ("《书名》 <三体> 1<2", "《书名》 <三体> 1<2"),
        ("<<i>b>x</b>", "<<i>b>x"),
        # names of HTML where no tag is meant
        ("vector<i> and Foo<A>, Map<P>", "vector<i> and Foo<A>, Map<P>"),
        ("Enter <input> here, see <table> 3", "Enter <input> here, see <table> 3"),
        ("vector<i> <i>x</i>", "vector<i> x"),
        ("<I>x</i> <p>one <P>two<BR>three<img/> </div>", "x\none\ntwo\nthree"),
        ('<input type="text"> <b>open', "<b>open"),
        ("std::vector&lt;i&gt;", "std::vector<i>"),
    ],
)
def test_repairs(text: str, expected: str) -> None:
    assert normalized(text) == [expected]
    assert normalized(expected) == [expected]


def test_rows_are_repaired_each_on_its_own() -> None:
    texts = ["plain", None, "&lt;", "schÃ¶n", "", "<b>x</b>", "&lt;b&gt;y&lt;/b&gt;"]
    assert normalized(*texts) == ["plain", None, "<", "schön", "", "x", "y"]


def test_settings_of_html_and_of_characters() -> None:
    assert normalized("<b>&amp;</b>", html=False) == ["<b>&amp;</b>"]
    assert normalized("乾隆的漢語，頭髮") == ["乾隆的漢語，頭髮"]
    assert normalized("乾隆的漢語，頭髮", simplify=True) == ["乾隆的汉语，头发"]


@given(st.text(alphabet=st.sampled_from('&<>/;#xampltbr 13Ãâ€\u0080\u0099\u200b©é="好\n')))
def test_repairs_settle(text: str) -> None:
    (once,) = normalized(text)
    assert normalized(once) == [once]


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


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Cf", "Cn", "Zs", "Zl", "Zp"])))
def test_nothing_is_lost_but_what_cannot_be_seen(text: str) -> None:
    narrow = text.translate(str.maketrans(WIDE))
    if not any(sign in narrow for sign in "&<") and not any("\u00c2" <= c <= "\u00f4" for c in narrow):
        assert normalized(text) == [unicodedata.normalize("NFC", narrow)]
