"""Signs of something other than text: hash signs, ellipses, code, placeholders, broken characters."""

from typing import TYPE_CHECKING

from tokenmill.data.clean.rules.bounds import above, limit, share
from tokenmill.data.clean.settings import LanguageThresholds

if TYPE_CHECKING:
    import polars as pl


def many_symbols(thresholds: LanguageThresholds) -> "pl.Expr":
    """Fails where hash signs or ellipses are more than ``max_symbols`` for each word (Gopher: 0.1 each)."""
    import polars as pl

    most = pl.max_horizontal(share("hash_signs", "words"), share("ellipses", "words"))
    return above(most, limit(thresholds, "max_symbols"))


def broken_characters(thresholds: LanguageThresholds) -> "pl.Expr":
    """Fails where more than ``max_broken_characters`` of the characters are remains of a wrong decoding."""
    return above(share("broken_characters", "head_characters"), limit(thresholds, "max_broken_characters"))


def curly_braces(thresholds: LanguageThresholds) -> "pl.Expr":
    """Fails with more ``{`` than ``max_curly_braces``: code rather than text (C4: 0)."""
    import polars as pl

    return above(pl.col("curly_braces"), limit(thresholds, "max_curly_braces"))


def lorem_ipsum(thresholds: LanguageThresholds) -> "pl.Expr":
    """Fails with more of "lorem ipsum" than ``max_lorem_ipsum`` (C4: 0)."""
    import polars as pl

    return above(pl.col("lorem_ipsum"), limit(thresholds, "max_lorem_ipsum"))
