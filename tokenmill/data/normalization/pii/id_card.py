"""Numbers of Chinese resident identity cards."""

import re
from datetime import date

from tokenmill.data.normalization.pii.kind import DIGIT, Kind

PROVINCES = {11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46,
             50, 51, 52, 53, 54, 61, 62, 63, 64, 65, 71, 81, 82, 83}  # fmt: skip
"""First two digits (GB/T 2260; 83 for residents from Taiwan)."""


def check_character(number: str) -> str:
    """The 18th character that belongs to 17 digits: ISO 7064 MOD 11-2 (GB 11643-1999)."""
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(number[:17]))
    return "10X98765432"[total % 11]


def _valid(match: re.Match[str]) -> bool:
    number = match.group().upper()
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    return int(number[:2]) in PROVINCES and check_character(number) == number[17]


ID_CARD = Kind(
    name="id_card",
    candidate=rf"{DIGIT}{{17}}[0-9０-９XxＸｘ]",
    pattern=re.compile(
        r"(?<![0-9A-Za-z.])[1-8][0-9]{5}(?:19|20)[0-9]{2}[01][0-9][0-3][0-9]{4}[0-9Xx](?![0-9A-Za-z]|\.[0-9])"
    ),
    valid=_valid,
)
"""Region, date of birth, serial number, check character. Those of 15 digits (until 1999) have none."""
