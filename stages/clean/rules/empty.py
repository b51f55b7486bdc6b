"""Nothing left after normalising."""

from typing import TYPE_CHECKING

from stages.params import CleanSettings

if TYPE_CHECKING:
    import polars as pl


def empty(settings: CleanSettings) -> "pl.Expr":
    """Fails where the text, or the target of a pair, is empty; the value says which."""
    import polars as pl

    return (
        pl.when(pl.col("text") == "").then(pl.lit("text")).when(pl.col("target") == "").then(pl.lit("target"))
    )
