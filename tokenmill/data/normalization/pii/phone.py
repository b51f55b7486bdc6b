"""Telephone numbers: Chinese mobile and landline, international, North American."""

import re

from tokenmill.data.normalization.pii.kind import DASH, DIGIT, Kind, digits, in_url

MOBILE = r"(?:(?:\+|00)?86[ -]?)?1[3-9][0-9](?:[ -]?[0-9]{4}){2}"
"""Eleven digits (numbering plan of 2017: 13x to 19x)."""
AREA = r"0(?:10|2[0-57-9]|[3-9][0-9]{2})"
LANDLINE = (
    rf"(?:(?:\+|00)?86[ -]?)?(?:\({AREA}\) ?-?|{AREA} ?[- ] ?)[2-9][0-9]{{6,7}}"
    r"(?:(?:-| ?转)[0-9]{1,5}(?![0-9]))?"  # extension
)
TOGETHER = rf"{AREA}[2-9][0-9]{{6,7}}"
"""A landline without a separator: only where something before it says that it is one."""
SERVICE = r"[48]00-[0-9]{3}-?[0-9]{4}|[48]00-[0-9]{4}-[0-9]{3}"
INTERNATIONAL = r"\+[1-9][0-9]{0,2}(?:[ .-]?(?:\([0-9]{1,4}\)|[0-9]{2,12}+)){1,5}+"
"""Possessive: digits can be grouped in many ways, and trying all of them takes minutes on some texts."""
AMERICAN = (
    r"(?:1[ .-])?(?:\([2-9][0-9]{2}\) ?[2-9][0-9]{2}-[0-9]{4}"
    r"|[2-9][0-9]{2}(?P<sep>[.-])[2-9][0-9]{2}(?P=sep)[0-9]{4})"
)

PHONE_BEFORE = re.compile(
    r"(?:电话|热线|传真|手机|致电|tel|phone|fax|call|mobile)[^0-9A-Za-z\n]{0,8}$", re.IGNORECASE
)
AMOUNT_BEFORE = re.compile(r"[¥$€£=*^<>] ?$")
AMOUNT_AFTER = re.compile(r" ?(?:[元美亿万千吨桶公米平立个人年%]|dollars|yuan|euros?|RMB|USD|[*^=<>])")
"""Money, quantities, and terms of a formula."""


def _valid(match: re.Match[str]) -> bool:
    number, text = digits(match), match.string
    before = text[max(match.start() - 24, 0) : match.start()]
    if in_url(match) or AMOUNT_BEFORE.search(before) or AMOUNT_AFTER.match(text, match.end()):
        return False
    if match["together"]:
        return PHONE_BEFORE.search(before) is not None
    if match["international"]:
        # +1.2345678901 is a number, and +100000000 a gain.
        return 9 <= len(number) <= 15 and not number.endswith("00000") and match.group().count(".") != 1
    return True


PHONE = Kind(
    name="phone",
    candidate=rf"1[3-9]{DIGIT}[ -]?{DIGIT}{{4}}[ -]?{DIGIT}{{4}}"
    rf"|１[３-９]{DIGIT}{DASH}?{DIGIT}{{4}}{DASH}?{DIGIT}{{4}}"
    rf"|[0０][1-9１-９]{DIGIT}{{1,2}}[)） ]{{0,2}}{DASH}?[ ]?{DIGIT}{{7}}"
    rf"|[48４８][0０][0０]{DASH}{DIGIT}{{3}}"
    rf"|[+＋]{DIGIT}[0-9０-９ .()（）－-]{{6}}"
    r"|[2-9][0-9]{2}\) ?[2-9][0-9]{2}-[0-9]{4}|[2-9][0-9]{2}[.-][2-9][0-9]{2}[.-][0-9]{4}",
    pattern=re.compile(
        r"(?=[0-9+(])(?<![0-9A-Za-z_.+-])(?<![0-9][,/:])(?:"  # the first test ends most tries at once
        rf"(?P<mobile>{MOBILE})|(?P<landline>{LANDLINE})|(?P<together>{TOGETHER})|(?P<service>{SERVICE})"
        rf"|(?P<international>{INTERNATIONAL})|(?P<american>{AMERICAN})"
        r")(?![0-9A-Za-z_]|[.,:/-][0-9])"
    ),
    valid=_valid,
)
"""Area codes: 010, 02x, and 03xx to 09xx. International numbers begin with + (ITU-T E.123)."""
