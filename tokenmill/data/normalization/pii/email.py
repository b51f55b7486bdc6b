"""E-mail addresses."""

import re

from tokenmill.data.normalization.pii.kind import Kind

FILES = {"png", "jpg", "jpeg", "gif", "svg", "webp"}
"""``icon@2x.png`` is a picture for screens of twice the density."""

IN_URL = re.compile(r"://[^\s/@]*$")
"""``https://user@host`` is no address; with a password it is another kind."""


def _valid(match: re.Match[str]) -> bool:
    ending = match.group().rsplit(".", 1)[-1].lower()
    repository = match.group().startswith("git@") and match.string[match.end() : match.end() + 1] == ":"
    in_url = IN_URL.search(match.string, max(match.start() - 100, 0), match.start())
    return ending not in FILES and not repository and in_url is None


EMAIL = Kind(
    name="email",
    candidate=r"[A-Za-z0-9Ａ-Ｚａ-ｚ０-９_%+-][@＠][A-Za-z0-9Ａ-Ｚａ-ｚ０-９]",
    pattern=re.compile(
        r"(?<![A-Za-z0-9_%+-])(?<![A-Za-z0-9]\.)"
        r"[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}"
        r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}"
        r"(?![A-Za-z0-9@-])"
    ),
    valid=_valid,
)
"""Local part of RFC 5321 without its rarer signs (at most 64 characters), a domain of at least two labels."""
