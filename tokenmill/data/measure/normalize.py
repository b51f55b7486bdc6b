"""The form that every text gets. Applying it twice is the same as applying it once.

Some of it holds after one pass by construction (:func:`tidy`). Repairs may uncover more to repair, such as
``&amp;lt;br&gt;``, so they are repeated where they changed something; each makes a text shorter or settles.
"""

import polars as pl

from tokenmill.data.measure.markup import MARKUP, remove_markup
from tokenmill.data.measure.mojibake import MOJIBAKE, repair_mojibake
from tokenmill.data.measure.settings import MeasureSettings
from tokenmill.data.measure.simplify import simplify_chinese

LINE_ENDS = r"\r\n|[\r\x0B\x0C\x{85}\x{2028}\x{2029}]"
"""All that Unicode counts as the end of a line, besides ``\\n``."""

CONTROL = (
    r"[\x00-\x08\x0E-\x1F\x7F-\x{9F}"  # C0 and C1 controls but \t and the line ends
    r"\x{AD}\x{200B}\x{2060}-\x{2064}\x{FEFF}"  # soft hyphen, zero-width space, joiner and operators, BOM
    r"\x{200E}\x{200F}\x{202A}-\x{202E}\x{2066}-\x{206F}"  # direction marks and deprecated controls
    r"\x{FFF9}-\x{FFFB}\x{FFFE}\x{FFFF}]"  # annotations and non-characters
)
"""Characters without a picture. Joiners (U+200C, U+200D) stay: emoji and Indic scripts need them."""

SPACES = r"[\t\p{Zs}]+"
"""Runs of white space within a line, the wide space of Chinese (U+3000) included."""

WIDE = {chr(half + 0xFEE0): chr(half) for half in (*range(48, 58), *range(65, 91), *range(97, 123))}
"""Full-width ASCII letters and digits. Wide punctuation is how Chinese is written, and stays."""


def normalize(texts: pl.Series, settings: MeasureSettings) -> pl.Series:
    """Texts repaired and in one form; null stays null. No text of a wanted language is invented or lost."""
    result = tidy(repair_mojibake(texts))
    rows = _repairable(result, settings).arg_true()
    while len(rows):
        before = result.gather(rows)
        after = tidy(_repaired(before, settings))
        changed = before != after
        rows, after = rows.filter(changed), after.filter(changed)
        result = result.scatter(rows, after)
        rows = rows.filter(_repairable(after, settings))
    return result


def tidy(texts: pl.Series) -> pl.Series:
    """Line ends, invisible characters, widths and white space in one form, then Unicode NFC.

    Composing comes last: characters may meet only once those between them are gone.
    """
    text = white_space(widths(control_characters(line_ends(pl.col(texts.name)))))
    return texts.to_frame().select(compose(text)).to_series()


def line_ends(text: pl.Expr) -> pl.Expr:
    """Every end of a line as ``\\n``."""
    return text.str.replace_all(LINE_ENDS, "\n")


def control_characters(text: pl.Expr) -> pl.Expr:
    """Without control and invisible formatting characters; ``\\n`` and ``\\t`` stay."""
    return text.str.replace_all(CONTROL, "")


def widths(text: pl.Expr) -> pl.Expr:
    """Full-width letters and digits as ASCII; all other forms as they are."""
    return text.str.replace_many(WIDE)


def white_space(text: pl.Expr) -> pl.Expr:
    """One space for a run, none at the ends of a line, at most one empty line, nothing around the text."""
    collapsed = text.str.replace_all(SPACES, " ").str.replace_all(r" ?\n ?", "\n")
    return collapsed.str.replace_all(r"\n{3,}", "\n\n").str.strip_chars(" \n")


def compose(text: pl.Expr) -> pl.Expr:
    """Unicode NFC. Not NFKC, which turns the wide punctuation of Chinese into ASCII."""
    return text.str.normalize("NFC")


def _repairable(texts: pl.Series, settings: MeasureSettings) -> pl.Series:
    found = texts.str.contains(MOJIBAKE)
    if settings.remove_html:
        found |= texts.str.contains(MARKUP)
    if settings.simplify_chinese:
        found |= texts.str.contains(r"\p{Han}")
    return found.fill_null(False)


def _repaired(texts: pl.Series, settings: MeasureSettings) -> pl.Series:
    texts = repair_mojibake(texts)
    if settings.remove_html:
        texts = remove_markup(texts)
    return simplify_chinese(texts) if settings.simplify_chinese else texts
