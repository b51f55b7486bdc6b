"""Length of the text in characters (Unicode code points)."""

from typing import TYPE_CHECKING

from stages.params import CleanSettings

if TYPE_CHECKING:
    import polars as pl


def too_short(settings: CleanSettings) -> "pl.Expr":
    """Fails below ``min_characters``; the value is the length. An empty text fails its own rule only."""
    import polars as pl

    length = pl.col("text").str.len_chars()
    return pl.when((length < settings.min_characters) & (length > 0)).then(length.cast(pl.String))


def too_long(settings: CleanSettings) -> "pl.Expr":
    """Fails above ``max_characters``; the value is the length."""
    import polars as pl

    length = pl.col("text").str.len_chars()
    return pl.when(length > settings.max_characters).then(length.cast(pl.String))
