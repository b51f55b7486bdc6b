"""The form that every text gets, of many at once. Applying it twice is the same as applying it once.

Some of it holds after one pass by construction (:func:`tidy`). Repairs may uncover more to repair, such as
``&amp;lt;br&gt;``, so they are repeated where they changed something; each makes a text shorter or settles.
:func:`tokenmill.data.normalization.text.normalize_text` does the same to one text, without polars.
"""

from collections.abc import Callable

import polars as pl

from tokenmill.core.normalization import Normalization
from tokenmill.data.normalization.markup import MARKUP, remove_markup
from tokenmill.data.normalization.mojibake import MOJIBAKE, repair_mojibake
from tokenmill.data.normalization.simplify import HAN, converter
from tokenmill.data.normalization.steps import (
    AROUND,
    AROUND_KEPT,
    INVISIBLE_STEPS,
    KEPT_WHITE_SPACE_STEPS,
    PASSES,
    WHITE_SPACE_STEPS,
    WIDE,
)


def normalize(texts: pl.Series, steps: Normalization) -> pl.Series:
    """Texts repaired and in one form; null stays null. No text of a wanted language is invented or lost."""
    result = tidy(_where(MOJIBAKE, repair_mojibake, texts), steps)
    rows = _repairable(result, steps).arg_true()
    for _ in range(PASSES):
        if not len(rows):
            break
        before = result.gather(rows)
        after = tidy(_repaired(before, steps), steps)
        changed = before != after
        rows, after = rows.filter(changed), after.filter(changed)
        result = result.scatter(rows, after)
        rows = rows.filter(_repairable(after, steps))
    return result


def tidy(texts: pl.Series, steps: Normalization) -> pl.Series:
    """Line ends, invisible characters, widths and white space in one form, then Unicode NFC.

    Composing comes last: characters may meet only once those between them are gone. Not NFKC, which turns the
    wide punctuation of Chinese into ASCII.
    """
    text = pl.col(texts.name)
    for found, new in INVISIBLE_STEPS:
        text = text.str.replace_all(found, new)
    text = text.str.replace_many(WIDE)
    for found, new in KEPT_WHITE_SPACE_STEPS if steps.keep_white_space else WHITE_SPACE_STEPS:
        text = text.str.replace_all(found, new)
    text = text.str.strip_chars(AROUND_KEPT if steps.keep_white_space else AROUND)
    return texts.to_frame().select(text.str.normalize("NFC")).to_series()


def _repairable(texts: pl.Series, steps: Normalization) -> pl.Series:
    found = texts.str.contains(MOJIBAKE)
    if steps.remove_html:
        found |= texts.str.contains(MARKUP)
    if steps.simplify_chinese:
        found |= texts.str.contains(HAN)
    return found.fill_null(False)


def _repaired(texts: pl.Series, steps: Normalization) -> pl.Series:
    texts = _where(MOJIBAKE, repair_mojibake, texts)
    if steps.remove_html:
        texts = _where(MARKUP, remove_markup, texts)
    return _where(HAN, converter(), texts) if steps.simplify_chinese else texts


def _where(found: str, repair: Callable[[str], str], texts: pl.Series) -> pl.Series:
    """Texts, those in which an expression finds something repaired one by one."""
    rows = texts.str.contains(found).fill_null(False).arg_true()
    if not len(rows):
        return texts
    repaired = [repair(text) for text in texts.gather(rows)]
    return texts.clone().scatter(rows, pl.Series(repaired, dtype=pl.String))
