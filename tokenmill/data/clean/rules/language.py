"""Languages that are wanted, and how sure the language is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tokenmill.data.clean.rules.bounds import below, limit
from tokenmill.data.clean.settings import LanguageThresholds

if TYPE_CHECKING:
    import polars as pl


def other_language(languages: Sequence[str] | None) -> "pl.Expr":
    """Fails in a language that ``languages`` does not name; the value is the language. Null wants all."""
    import polars as pl

    if languages is None:
        return pl.lit(None, dtype=pl.String)
    return pl.when(~pl.col("language").is_in(list(languages))).then(pl.col("language"))


def unsure_language(thresholds: LanguageThresholds) -> "pl.Expr":
    """Fails below ``min_language_score`` (FineWeb: 0.65; FineWeb-2 for Chinese: 0.692)."""
    import polars as pl

    return below(pl.col("language_score"), limit(thresholds, "min_language_score"))
