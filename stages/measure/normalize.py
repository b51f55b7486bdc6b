"""The form that every text gets. Applying it twice is the same as applying it once."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

LINE_ENDS = r"\r\n|[\r\x0B\x0C\x{85}\x{2028}\x{2029}]"
"""All that Unicode counts as the end of a line, besides ``\\n``."""

CONTROL = (
    r"[\x00-\x08\x0E-\x1F\x7F-\x{9F}"  # C0 and C1 controls but \t and the line ends
    r"\x{AD}\x{200B}\x{2060}\x{FEFF}"  # soft hyphen, zero-width space, word joiner, byte order mark
    r"\x{200E}\x{200F}\x{202A}-\x{202E}\x{2066}-\x{2069}]"  # direction marks
)
"""Characters without a picture. Joiners (U+200C, U+200D) stay: emoji and Indic scripts need them."""

SPACES = r"[\t\p{Zs}]+"
"""Runs of white space within a line, the wide space of Chinese (U+3000) included."""


def line_ends(text: "pl.Expr") -> "pl.Expr":
    """Every end of a line as ``\\n``."""
    return text.str.replace_all(LINE_ENDS, "\n")


def control_characters(text: "pl.Expr") -> "pl.Expr":
    """Without control and invisible formatting characters; ``\\n`` and ``\\t`` stay."""
    return text.str.replace_all(CONTROL, "")


def white_space(text: "pl.Expr") -> "pl.Expr":
    """One space for a run, none at the ends of a line, at most one empty line, nothing around the text."""
    collapsed = text.str.replace_all(SPACES, " ").str.replace_all(r" ?\n ?", "\n")
    return collapsed.str.replace_all(r"\n{3,}", "\n\n").str.strip_chars(" \n")


def compose(text: "pl.Expr") -> "pl.Expr":
    """Unicode NFC. Not NFKC, which turns the wide punctuation of Chinese into ASCII."""
    return text.str.normalize("NFC")


def normalize(text: "pl.Expr") -> "pl.Expr":
    """All of the above. Composing comes last: characters may meet only once those between them are gone."""
    return compose(white_space(control_characters(line_ends(text))))
