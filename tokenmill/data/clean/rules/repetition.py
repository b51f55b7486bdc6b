"""Text that repeats itself (Gopher, table A1). Definitions stand in stages/measure."""

from typing import TYPE_CHECKING

from tokenmill.data.clean.rules.bounds import above, limit, share
from tokenmill.data.clean.settings import LanguageThresholds

if TYPE_CHECKING:
    import polars as pl


def duplicate_lines(thresholds: LanguageThresholds) -> "pl.Expr":
    """Fails where more lines than ``max_duplicate_lines`` are copies of an earlier one (Gopher: 0.30)."""
    return above(share("duplicate_lines", "lines"), limit(thresholds, "max_duplicate_lines"))


def duplicate_line_characters(thresholds: LanguageThresholds) -> "pl.Expr":
    """Fails where more characters than ``max_duplicate_line_characters`` are in such lines (Gopher: 0.20;
    FineWeb: 0.01)."""
    most = limit(thresholds, "max_duplicate_line_characters")
    return above(share("duplicate_line_characters", "head_characters"), most)


def duplicate_paragraphs(thresholds: LanguageThresholds) -> "pl.Expr":
    """Fails where more paragraphs than ``max_duplicate_paragraphs`` are copies of an earlier one (Gopher:
    0.30)."""
    return above(share("duplicate_paragraphs", "paragraphs"), limit(thresholds, "max_duplicate_paragraphs"))


def duplicate_paragraph_characters(thresholds: LanguageThresholds) -> "pl.Expr":
    """Fails where more characters than ``max_duplicate_paragraph_characters`` are in such paragraphs (Gopher:
    0.20)."""
    most = limit(thresholds, "max_duplicate_paragraph_characters")
    return above(share("duplicate_paragraph_characters", "head_characters"), most)


def top_ngram(thresholds: LanguageThresholds) -> "pl.Expr":
    """Fails where the top n-gram has more of the words' characters than ``max_top_ngram`` says for its n.

    Gopher: 0.20, 0.18, 0.16 for 2, 3, 4. The value names the first n that fails: ``2-gram 0.31``.
    """
    return _ngrams(thresholds, "max_top_ngram", "top_{}_gram_characters", (2, 3, 4))


def duplicate_ngrams(thresholds: LanguageThresholds) -> "pl.Expr":
    """Fails where repeated n-grams cover more of the words' characters than ``max_duplicate_ngrams`` says.

    Gopher: 0.15, 0.14, 0.13, 0.12, 0.11, 0.10 for 5 to 10. The value names the first n that fails.
    """
    names = "duplicate_{}_gram_characters"
    return _ngrams(thresholds, "max_duplicate_ngrams", names, (5, 6, 7, 8, 9, 10))


def _ngrams(thresholds: LanguageThresholds, name: str, column: str, sizes: tuple[int, ...]) -> "pl.Expr":
    import polars as pl

    return pl.coalesce(
        pl.format(
            f"{n}-gram {{}}",
            above(share(column.format(n), "word_characters"), limit(thresholds, name, place)),
        )
        for place, n in enumerate(sizes)
    )
