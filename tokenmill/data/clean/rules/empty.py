"""Nothing left after normalising."""

from typing import TYPE_CHECKING

from tokenmill.data.clean.settings import LanguageThresholds

if TYPE_CHECKING:
    import polars as pl


def empty(thresholds: LanguageThresholds) -> "pl.Expr":
    """Fails where the text, or the target of a pair, is empty; the value says which."""
    import polars as pl

    no_text, no_target = pl.col("characters") == 0, pl.col("target_characters") == 0
    return pl.when(no_text).then(pl.lit("text")).when(no_target).then(pl.lit("target"))
