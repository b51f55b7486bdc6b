"""What document rules are made of: thresholds by language, and values of those that break them."""

from typing import TYPE_CHECKING

from tokenmill.data.clean.settings import LanguageThresholds

if TYPE_CHECKING:
    import polars as pl

LANGUAGES = ("zh", "en")
"""Languages with thresholds of their own; all others have the default ones."""


def limit(thresholds: LanguageThresholds, name: str, place: int | None = None) -> "pl.Expr":
    """The threshold ``name`` (or its entry at ``place``) for each document's language; null: not checked."""
    import polars as pl

    def value(language: str) -> float | None:
        found = getattr(thresholds.of(language), name)  # type: ignore[arg-type]
        return found if place is None or found is None else found[place]

    default = value("default")
    chosen = pl.lit(default, dtype=pl.Float64)
    for language in LANGUAGES:
        if (own := value(language)) != default:
            this = pl.lit(own, dtype=pl.Float64)
            chosen = pl.when(pl.col("language") == language).then(this).otherwise(chosen)
    return chosen


def share(part: str, whole: str) -> "pl.Expr":
    """One count over another; null where the second is 0, so that no rule fails on it."""
    import polars as pl

    return pl.when(pl.col(whole) > 0).then(pl.col(part) / pl.col(whole))


def above(value: "pl.Expr", most: "pl.Expr") -> "pl.Expr":
    """The value as text where it is above a threshold, else null."""
    import polars as pl

    return shown(pl.when(value > most).then(value))


def below(value: "pl.Expr", least: "pl.Expr") -> "pl.Expr":
    """The value as text where it is below a threshold, else null."""
    import polars as pl

    return shown(pl.when(value < least).then(value))


def shown(value: "pl.Expr") -> "pl.Expr":
    """A number as text: whole as it is, else with four digits after the point at most. Null stays null."""
    import polars as pl

    number = value.cast(pl.Float64)
    whole = number == number.floor()
    return (
        pl.when(whole).then(number.cast(pl.Int64).cast(pl.String)).otherwise(number.round(4).cast(pl.String))
    )
