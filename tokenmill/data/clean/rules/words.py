"""What the text is made of: words, of a usual length, with letters, and among them words of running text."""

from typing import TYPE_CHECKING

from tokenmill.data.clean.rules.bounds import LANGUAGES, above, below, limit, share
from tokenmill.data.clean.settings import LanguageThresholds

if TYPE_CHECKING:
    import polars as pl


def few_word_characters(thresholds: LanguageThresholds) -> "pl.Expr":
    """Fails where letters and digits are less than ``min_word_characters`` of all characters.

    data-juicer's alphanumeric ratio (0.10 in its Chinese recipe, 0.25 in its English one).
    """
    return below(share("word_characters", "head_characters"), limit(thresholds, "min_word_characters"))


def few_alphabetic_words(thresholds: LanguageThresholds) -> "pl.Expr":
    """Fails where words with a letter are less than ``min_alphabetic_words`` of all words.

    Gopher: 0.8, FineWeb-2 for Chinese: 0.735, both of words that include punctuation; ours do not.
    """
    return below(1 - share("numbers", "words"), limit(thresholds, "min_alphabetic_words"))


def word_length(thresholds: LanguageThresholds) -> "pl.Expr":
    """Fails outside ``min_word_length`` to ``max_word_length`` characters on average (Gopher: 3 to 10).

    A Chinese word is one character here, so in Chinese only a high bound says something.
    """
    import polars as pl

    mean = share("word_characters", "words")
    low = below(mean, limit(thresholds, "min_word_length"))
    return pl.coalesce(low, above(mean, limit(thresholds, "max_word_length")))


def few_stop_words(thresholds: LanguageThresholds) -> "pl.Expr":
    """Fails with fewer different stop words of its language than ``min_stop_words`` (Gopher, FineWeb-2: 2).

    Only for languages whose stop words are counted.
    """
    import polars as pl

    found = pl.lit(None, dtype=pl.UInt32)
    for language in LANGUAGES:
        own = pl.col(f"stop_words_{language}")
        found = pl.when(pl.col("language") == language).then(own).otherwise(found)
    return below(found, limit(thresholds, "min_stop_words"))


def few_sentences(thresholds: LanguageThresholds) -> "pl.Expr":
    """Fails with fewer ends of sentences than ``min_sentences`` (C4: 5)."""
    import polars as pl

    return below(pl.col("sentences"), limit(thresholds, "min_sentences"))
