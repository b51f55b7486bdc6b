"""What a kind of personal data is, and what the kinds have in common."""

import re
from collections.abc import Callable
from dataclasses import dataclass

DIGIT = "[0-9０-９]"
DASH = "[-－—–]"
"""For candidates, which are looked for in the text as it stands; patterns see ASCII (see :func:`narrow`)."""

_NARROW = (
    {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}
    | dict.fromkeys(map(ord, "—–"), "-")
    | {0x3000: " "}
)


_WIDE = re.compile(r"[\uff01-\uff5e—–\u3000]")


@dataclass(frozen=True)
class Kind:
    """One kind of personal data and how it is told from what looks like it."""

    name: str
    """Of the count's column, ``pii_<name>``, and of the placeholder, ``[<NAME>]``."""
    candidate: str
    """Regular expression of polars (no look-around) that finds every text with one, and some without."""
    pattern: re.Pattern[str]
    """Finds them in a text in ASCII digits and signs; what it matches is what goes."""
    wide: bool = True
    """Whether full-width digits and signs, as Chinese print has them, count as their ASCII forms."""
    valid: Callable[[re.Match[str]], bool] = lambda match: True
    """Whether a match is one: checksums, ranges, and what stands around it."""

    @property
    def placeholder(self) -> str:
        """What stands in its place: no pattern matches it, and no special token of ours looks like it."""
        return f"[{self.name.upper()}]"


def narrow(text: str) -> str:
    """Full-width ASCII as ASCII and long dashes as short ones, character for character."""
    return text.translate(_NARROW) if _WIDE.search(text) else text


def digits(match: re.Match[str]) -> str:
    """The digits of a match, one after the other."""
    return "".join(character for character in match.group() if character.isdigit())


def in_url(match: re.Match[str]) -> bool:
    """Whether a match stands in the path or query of a URL: a number there is most often a page's."""
    before = re.search(r"[!-~]*$", match.string[max(match.start() - 200, 0) : match.start()])
    return before is not None and re.search(r"://|www\.|[a-z0-9]\.[a-z]{2,6}/", before.group()) is not None
