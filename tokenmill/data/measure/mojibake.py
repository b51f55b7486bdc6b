"""UTF-8 that was read as another encoding: ``cafÃ©`` for ``café``."""

import ftfy
import polars as pl

MOJIBAKE = (
    r"[\x{C2}-\x{F4}]"  # the first byte of a character in UTF-8, read as Latin-1 or Windows-1252
    r"[\x{80}-\x{BF}€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"  # one of the following bytes, read likewise
)
"""What makes a text worth a look by ftfy, which is 30 times slower than this expression."""


def repair_mojibake(texts: pl.Series) -> pl.Series:
    """Texts decoded as they were meant where ftfy is sure of it; all others as they are."""
    rows = texts.str.contains(MOJIBAKE).fill_null(False).arg_true()
    if not len(rows):
        return texts
    repaired = [ftfy.fix_encoding(text) for text in texts.gather(rows)]
    return texts.clone().scatter(rows, repaired)
