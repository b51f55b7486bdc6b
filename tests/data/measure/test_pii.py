"""Personal data: what goes, and what looks like it and must stay."""

import re

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tokenmill.data.measure.pii import COUNTS, replace_pii
from tokenmill.data.normalization.pii.bank_card import luhn
from tokenmill.data.normalization.pii.id_card import check_character
from tokenmill.data.normalization.pii.table import KINDS
from tokenmill.text.tokenizer import SPECIAL_TOKENS

FOUND = [
    ("mail me: jane.doe+news@example.co.uk.", "mail me: [EMAIL]."),
    ("邮箱zhang_san@163.com，谢谢", "邮箱[EMAIL]，谢谢"),
    ("请回复．ＣＨＵＮ２１９＠ＳＯＨＵ．ＣＯＭ", "请回复．[EMAIL]"),
    ("a@b.cn;c@d.cn", "[EMAIL];[EMAIL]"),
    ("login from 203.0.113.77:8080", "login from [IP]:8080"),
    ("服务器地址：8.8.4.4。", "服务器地址：[IP]。"),
    ("ping 2001:db8:85a3::8a2e:370:7334 now", "ping [IP] now"),
    ("http://198.51.100.7/x", "http://[IP]/x"),
    ("git clone https://jane:s3cr3t@git.example.com/r.git",
     "git clone https://[URL_CREDENTIALS]@git.example.com/r.git"),
    ("postgres://admin:pa%20ss@198.51.100.7:5432/db", "postgres://[URL_CREDENTIALS]@[IP]:5432/db"),
    ("小庄13261821032。", "小庄[PHONE]。"),
    ("手机：138 1234 5678", "手机：[PHONE]"),
    ("+86 138-1234-5678", "[PHONE]"),
    ("８６－１３８１２３４５６７８", "[PHONE]"),
    ("请拨010-51236699客服热线", "请拨[PHONE]客服热线"),
    ("联系电话（０７１７）５４０１２２０、", "联系电话[PHONE]、"),
    ("传真电话：０１０—６５０９２８２４。", "传真电话：[PHONE]。"),
    ("电话02165092824", "电话[PHONE]"),
    ("0791-2878108转123", "[PHONE]"),
    ("打电话400-711-6699，", "打电话[PHONE]，"),
    ("call +44 20 7946 0958 today", "call [PHONE] today"),
    ("+1 (415) 555-2671", "[PHONE]"),
    ("+4915112345678", "[PHONE]"),
    ("call (415) 555-2671 or 415-555-2672", "call [PHONE] or [PHONE]"),
    ("身份证11010519491231002X。", "身份证[ID_CARD]。"),
    ("號碼：４４０５２４１９８００１０１００１３", "號碼：[ID_CARD]"),
    ("440524198001010013 是他的", "[ID_CARD] 是他的"),
    ("card 4111 1111 1111 1111 exp", "card [BANK_CARD] exp"),
    ("5500-0000-0000-0004", "[BANK_CARD]"),
    ("amex 378282246310005", "amex [BANK_CARD]"),
    ("3782 822463 10005", "[BANK_CARD]"),
]  # fmt: skip

STAYS = [
    "2024-05-12 10:30:45", "1998年1月1日", "１９９８年１月１日", "1997-1998", "12/31/1999 23:59",
    "ISBN 978-7-111-12345-6", "ISBN-13: 9787111123453", "ISBN 7-302-01234-5", "ISSN 1234-5678",
    "version 1.2.3.4", "v10.0.19045.3803", "版本 2.40.90.12", "Chrome/120.0.99.130", "1.2.3.4 概述",
    "see section 3.1.2.4", "山西１．３０．９０．５", "OID 1.3.6.1.4.1.311", "256.300.1.1", "127.0.0.1",
    "192.168.1.254", "255.255.255.0", "010.020.030.040",
    "12:30:45", "std::string", "dead::beef", "00:1A:2B:3C:4D:5E", "fe80::1", "2024:05",
    "价格13800000000元", "¥13812345678", "共18612345678个", "$4111111111111111",
    "0.13812345678901", "3.14159265358979323846", "13812345678.90", "1e13812345678", "1,381,234,567,890",
    "bytes=18626220032, x", "- 14160156250*p**3", "4828147466240000*t", "ObjectIdentifier('2.5.4.44')",
    "pycurl>=7.43.0.5", "1.3.101.112", "https://user:password@host.example", "ssh://jane@host.example",
    "1700000000", "1700000000000", "1111111111111111111111", "KF051501056101361930",
    "http://blog.163.com/blog/static/91910950200952821959864/", "163.com/blog/13812345678",
    "https://item.example.com/13812345678.html?id=4111111111111111", "_13812345678_",
    "４０６．４５１８．９１１６７１０９０７９８５９２", "3943·141·9163945492", "第一９４００-512mb",
    "+100000000", "+1.2345678901", "+0800", "1+2=3", "-13812345678", "比分 3-2-1-0", "020-2024",
    "11010519491231002", "110105194912310021", "110105194913310020", "4111111111111112", "9999999999999995",
    "icon@2x.png", "git@github.com:org/repo", "@jupyterlab/git", "user@localhost", "@_@ 太棒了@！", "a@b",
    "package@1.2.3", "https://example.com:8080/@user", "https://{user}:{password}@host.example",
    "https://<user>:<password>@host.example", "mailto:", "12-3456-7890", "100-200-3000", "400-512",
]  # fmt: skip


def replaced(*texts: str | None) -> pl.DataFrame:
    targets = [None] * len(texts)
    return replace_pii(
        pl.DataFrame({"text": texts, "target": targets}, {"text": pl.String, "target": pl.String})
    )


@pytest.mark.parametrize(("text", "expected"), FOUND)
def test_found(text: str, expected: str) -> None:
    frame = replaced(text)
    assert frame["text"].to_list() == [expected]
    for kind in KINDS:
        assert frame[f"pii_{kind.name}"].to_list() == [expected.count(kind.placeholder)]


@pytest.mark.parametrize("text", STAYS)
def test_stays(text: str) -> None:
    for around in (text, f"数据：{text}，其余。", f"some {text} there"):
        frame = replaced(around)
        assert frame["text"].to_list() == [around]
        assert frame.select(pl.sum_horizontal(COUNTS)).item() == 0


def test_counts_of_text_and_target_are_added_and_null_stays_null() -> None:
    frame = replace_pii(
        pl.DataFrame({"text": ["a@b.cn, c@d.cn", "x"], "target": ["e@f.cn", None], "id": [1, 2]})
    )
    assert frame["pii_email"].to_list() == [3, 0]
    assert frame["target"].to_list() == ["[EMAIL]", None]
    assert frame.columns == ["text", "target", "id", *COUNTS]
    assert {frame.schema[name] for name in COUNTS} == {pl.UInt32}


def test_an_empty_table_has_the_columns_too() -> None:
    assert replaced().columns == ["text", "target", *COUNTS]
    assert {replaced().schema[name] for name in COUNTS} == {pl.UInt32}


def test_placeholders_are_no_special_tokens() -> None:
    for kind in KINDS:
        assert not any(token in kind.placeholder or kind.placeholder in token for token in SPECIAL_TOKENS)


def test_check_digits() -> None:
    """The examples of GB 11643-1999, and of ISO/IEC 7812-1."""
    assert check_character("11010519491231002") == "X"
    assert check_character("44052418800101001") == "4"
    assert luhn("4992739871" + "6")
    assert not luhn("4992739871" + "7")


PIECES = st.sampled_from(
    [text for text, _ in FOUND]
    + STAYS
    + ["1", "13812345678", "a@b.cn", "://u:p@", " ", "：", "@", "-", ".", "[", "]"]
)
MIXED = st.lists(PIECES | st.text(alphabet="0189.-@:/ 电话a", max_size=14), max_size=5).map("".join)


@given(st.lists(MIXED, max_size=4))
@example(["mail me: jane.doe+news@example.co.uk.a@b.cn"])
def test_nothing_is_found_twice(texts: list[str]) -> None:
    once = replaced(*texts)
    twice = replaced(*once["text"])
    assert twice["text"].to_list() == once["text"].to_list()
    assert twice.select(pl.sum_horizontal(COUNTS).sum()).item() in (0, None)


@given(MIXED)
def test_all_that_is_not_replaced_stays_in_its_order(text: str) -> None:
    (result,) = replaced(text)["text"]
    names = "|".join(re.escape(kind.placeholder) for kind in KINDS)
    kept = [piece for piece in re.split(names, result) if piece]
    assert re.fullmatch(".*".join(["", *map(re.escape, kept), ""]), text, re.DOTALL)


@pytest.mark.parametrize(
    "piece", ["+1" + "1" * 60 + "x", "a.-" * 40, "1:" * 40, "(0" * 40, "://a:" * 40, "4111 " * 40]
)
def test_no_text_takes_long(piece: str) -> None:
    """Patterns that try all ways to read such texts would need hours here, and end at the time limit."""
    text = "@ 203.0.113.77 13812345678 " + piece * (4_000_000 // len(piece))
    assert replaced(text)["pii_phone"].to_list() == [1]


@given(st.text())
def test_without_digits_and_at_signs_nothing_goes(text: str) -> None:
    text = re.sub(r"[\d@＠]", "", text.encode("utf-8", "ignore").decode())
    assert replaced(text)["text"].to_list() == [text]
