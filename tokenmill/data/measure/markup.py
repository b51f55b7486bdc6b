"""Remains of HTML in what should be text: character references and tags."""

import re
from html import unescape
from html.entities import html5

import polars as pl

REFERENCE = r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
"""With its semicolon; without one, ``&copy=1`` in an address would be taken for a sign."""

BLOCKS = (
    "address|article|aside|blockquote|br|center|dd|div|dl|dt|fieldset|figcaption|figure|footer|form|"
    "h[1-6]|header|hr|iframe|li|main|nav|object|ol|option|p|pre|section|select|table|"
    "tbody|td|tfoot|th|thead|tr|ul|video"
)
"""Elements that end a line; without those of a page's head, which texts rather talk about."""
INLINE = (
    "a|abbr|acronym|b|big|button|cite|code|del|em|font|i|img|input|ins|kbd|label|mark|q|s|samp|small|span|"
    "strike|strong|sub|sup|tt|u|var|wbr"
)
"""Elements within a line."""
ATTRIBUTES = r"""(?:\s+[\w:-]+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>]+))*\s*/?"""
"""With their values, so that ``a <b and c> d`` is no tag."""
SCRIPTS = r"(?is)<(?:script|style)\b[^<>]*>.*?</(?:script|style)\s*>|<!--.*?-->"
"""Elements whose content is no text, and comments."""
BLOCK_TAG = rf"(?i)</?(?:{BLOCKS}){ATTRIBUTES}>"
INLINE_TAG = rf"(?i)</?(?:{INLINE}){ATTRIBUTES}>"

MARKUP = rf"{REFERENCE}|<(?:/?[A-Za-z]|!--)"
"""What makes a text worth a closer look."""


def remove_markup(texts: pl.Series) -> pl.Series:
    """Without scripts, comments and the tags of HTML, and with character references decoded, once.

    Names that HTML does not know (``<filename>``, ``&nosuch;``) stay.
    """
    stripped = texts.str.replace_all(SCRIPTS, "\n").str.replace_all(BLOCK_TAG, "\n")
    stripped = stripped.str.replace_all(INLINE_TAG, "")
    rows = stripped.str.contains(REFERENCE).fill_null(False).arg_true()
    if not len(rows):
        return stripped
    decoded = [re.sub(REFERENCE, _character, text) for text in stripped.gather(rows)]
    return stripped.scatter(rows, pl.Series(decoded, dtype=pl.String))


def _character(reference: re.Match[str]) -> str:
    name = reference[0]
    return unescape(name) if name[1] == "#" or name[1:] in html5 else name
