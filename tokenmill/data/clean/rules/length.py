"""Length of the text in characters (Unicode code points) and in words."""

from typing import TYPE_CHECKING

from tokenmill.data.clean.rules.bounds import above, below, limit
from tokenmill.data.clean.settings import LanguageThresholds

if TYPE_CHECKING:
    import polars as pl


def too_short(thresholds: LanguageThresholds) -> "pl.Expr":
    """Fails below ``min_characters``; an empty text fails its own rule only."""
    import polars as pl

    characters = pl.col("characters")
    return pl.when(characters > 0).then(below(characters, limit(thresholds, "min_characters")))


def too_long(thresholds: LanguageThresholds) -> "pl.Expr":
    """Fails above ``max_characters``."""
    import polars as pl

    return above(pl.col("characters"), limit(thresholds, "max_characters"))


def too_few_words(thresholds: LanguageThresholds) -> "pl.Expr":
    """Fails below ``min_words`` (Gopher: 50); an empty text fails its own rule only."""
    import polars as pl

    return pl.when(pl.col("characters") > 0).then(below(pl.col("words"), limit(thresholds, "min_words")))


def too_many_words(thresholds: LanguageThresholds) -> "pl.Expr":
    """Fails above ``max_words`` (Gopher: 100,000)."""
    import polars as pl

    return above(pl.col("words"), limit(thresholds, "max_words"))
