"""The document rules, in the order in which reports count a document that fails several.

A document rule looks at the measures of one document: from thresholds it makes a polars expression that is
null where the document passes, else the value that failed, as text. A new rule is a function in a module
here, a threshold in stages/params/data.py, and a line below.

The corpus rules compare documents with each other. They stand in stages/clean/decide.py, each in a module of
its own, and see only the documents that passed everything before them.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tokenmill.data.clean.rules.empty import empty
from tokenmill.data.clean.rules.language import other_language, unsure_language
from tokenmill.data.clean.rules.length import too_few_words, too_long, too_many_words, too_short
from tokenmill.data.clean.rules.lines import boilerplate_lines, bullet_lines, ellipsis_lines, few_terminal_lines, many_line_ends, short_lines
from tokenmill.data.clean.rules.repetition import duplicate_line_characters, duplicate_lines, duplicate_ngrams, duplicate_paragraph_characters, duplicate_paragraphs, top_ngram
from tokenmill.data.clean.rules.symbols import broken_characters, curly_braces, lorem_ipsum, many_symbols
from tokenmill.data.clean.rules.words import few_alphabetic_words, few_sentences, few_stop_words, few_word_characters, word_length
from tokenmill.data.clean.settings import CleanSettings, LanguageThresholds

if TYPE_CHECKING:
    import polars as pl

BY_THRESHOLD: "dict[str, Callable[[LanguageThresholds], pl.Expr]]" = {
    rule.__name__: rule
    for rule in (
        empty,
        too_short,
        too_long,
        too_few_words,
        too_many_words,
        unsure_language,
        broken_characters,
        few_word_characters,
        few_alphabetic_words,
        word_length,
        many_symbols,
        few_stop_words,
        few_sentences,
        few_terminal_lines,
        short_lines,
        bullet_lines,
        ellipsis_lines,
        boilerplate_lines,
        many_line_ends,
        curly_braces,
        lorem_ipsum,
        duplicate_lines,
        duplicate_line_characters,
        duplicate_paragraphs,
        duplicate_paragraph_characters,
        top_ngram,
        duplicate_ngrams,
    )
}

DOCUMENT_RULES = (*list(BY_THRESHOLD)[:1], "other_language", *list(BY_THRESHOLD)[1:])
CORPUS_RULES = (
    "conflicting_labels",
    "exact_duplicate",
    "low_score",
    "near_duplicate",
    "contamination",
    "duplicate_passages",
)
RULES = (*DOCUMENT_RULES, *CORPUS_RULES)


def document_rules(settings: CleanSettings) -> "dict[str, pl.Expr]":
    """The expression of each document rule, in the order of ``RULES``."""
    made = {name: rule(settings.thresholds) for name, rule in BY_THRESHOLD.items()}
    made["other_language"] = other_language(settings.languages)
    return {name: made[name] for name in DOCUMENT_RULES}
