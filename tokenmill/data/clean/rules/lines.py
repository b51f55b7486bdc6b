"""The form of the lines: running text, or lists, menus and teasers."""

from typing import TYPE_CHECKING

from tokenmill.data.clean.rules.bounds import above, below, limit, share
from tokenmill.data.clean.settings import LanguageThresholds

if TYPE_CHECKING:
    import polars as pl


def few_terminal_lines(thresholds: LanguageThresholds) -> "pl.Expr":
    """Fails where fewer lines than ``min_terminal_lines`` end in a closing mark (FineWeb: 0.12; FineWeb-2
    for Chinese: 0.106)."""
    return below(share("terminal_lines", "lines"), limit(thresholds, "min_terminal_lines"))


def short_lines(thresholds: LanguageThresholds) -> "pl.Expr":
    """Fails where more lines than ``max_short_lines`` have at most 30 characters (FineWeb: 0.67)."""
    return above(share("short_lines", "lines"), limit(thresholds, "max_short_lines"))


def bullet_lines(thresholds: LanguageThresholds) -> "pl.Expr":
    """Fails where more lines than ``max_bullet_lines`` are entries of a list (Gopher: 0.9)."""
    return above(share("bullet_lines", "lines"), limit(thresholds, "max_bullet_lines"))


def ellipsis_lines(thresholds: LanguageThresholds) -> "pl.Expr":
    """Fails where more lines than ``max_ellipsis_lines`` end in an ellipsis (Gopher: 0.3)."""
    return above(share("ellipsis_lines", "lines"), limit(thresholds, "max_ellipsis_lines"))


def boilerplate_lines(thresholds: LanguageThresholds) -> "pl.Expr":
    """Fails where more lines than ``max_boilerplate_lines`` have a phrase of page furniture.

    C4 takes such lines out of the text; here the text stays as its author wrote it, or goes as a whole.
    """
    return above(share("boilerplate_lines", "lines"), limit(thresholds, "max_boilerplate_lines"))


def many_line_ends(thresholds: LanguageThresholds) -> "pl.Expr":
    """Fails where line ends for each word are more than ``max_line_ends`` (FineWeb: 0.3; FineWeb-2 for
    Chinese: 0.178)."""
    return above(share("line_ends", "words"), limit(thresholds, "max_line_ends"))
