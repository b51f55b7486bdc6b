"""Numbers of bank cards."""

import re

from tokenmill.data.normalization.pii.kind import DIGIT, Kind, digits, in_url

PREFIXES = {
    "62": (16, 17, 18, 19),  # UnionPay
    "9558": (19,),  # ICBC, before UnionPay
    "4": (16,),  # Visa; of 13 digits none is left, but goods from Japan and Germany have 13, too
    **{str(prefix): (16,) for prefix in (*range(51, 56), *range(2221, 2721))},  # Mastercard
    "34": (15,), "37": (15,),  # American Express
    "6011": (16,), "65": (16,),  # Discover
    **{str(prefix): (16,) for prefix in range(3528, 3590)},  # JCB
    "36": (14,), "38": (14,), "39": (14,),  # Diners Club
    **{str(prefix): (14,) for prefix in range(300, 306)},
}  # fmt: skip
"""First digits of a number (ISO/IEC 7812), and how many there are in all."""


def luhn(number: str) -> bool:
    """Whether the last digit checks (ISO/IEC 7812-1, annex B). One number in ten does by chance."""
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(number)))
    return sum(value - 9 * (value > 9) for value in doubled) % 10 == 0


def _valid(match: re.Match[str]) -> bool:
    number = digits(match)
    known = any(len(number) in PREFIXES.get(number[:length], ()) for length in (1, 2, 3, 4))
    return known and luhn(number) and len(set(number)) > 1 and not in_url(match)


BANK_CARD = Kind(
    name="bank_card",
    candidate=rf"{DIGIT}{{14}}|(?:{DIGIT}{{4}}[ 　－-]){{3}}|{DIGIT}{{4}}[ 　－-]{DIGIT}{{6}}[ 　－-]",
    pattern=re.compile(
        r"(?<![0-9A-Za-z.+¥$€£-])"
        r"(?:[0-9]{14,19}"
        r"|[0-9]{4}(?P<sep>[ -])[0-9]{4}(?P=sep)[0-9]{4}(?P=sep)[0-9]{4}(?:(?P=sep)?[0-9]{1,3})?"
        r"|[0-9]{4}(?P<six>[ -])[0-9]{6}(?P=six)[0-9]{4,5})"
        r"(?![0-9A-Za-z*^=]|\.[0-9]|-[0-9])"
    ),
    valid=_valid,
)
"""All digits together, in groups of four, or 4-6-4 and 4-6-5; prefix, length and check digit must fit."""
