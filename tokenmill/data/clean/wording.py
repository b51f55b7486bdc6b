"""How the page speaks of each rule: many of them, what it means, and what a failing value is."""

from typing import NamedTuple


class Wording(NamedTuple):
    """Words for one rule."""

    plural: str
    meaning: str
    value: str


WORDS = {
    "empty": Wording("texts with nothing in them", "nothing is left of the text, or of its target", "empty:"),
    "other_language": Wording("texts in other languages", "not one of `languages`", "language:"),
    "too_short": Wording("texts that are too short", "below min_characters", "characters:"),
    "too_long": Wording("texts that are too long", "above max_characters", "characters:"),
    "too_few_words": Wording("texts of too few words", "below min_words", "words:"),
    "too_many_words": Wording("texts of too many words", "above max_words", "words:"),
    "unsure_language": Wording("texts of unsure language", "below min_language_score", "score:"),
    "broken_characters": Wording(
        "wrongly decoded texts", "characters lost by a wrong decoding, above max_broken_characters", "share:"
    ),
    "few_word_characters": Wording(
        "texts of few letters", "letters and digits among all characters, below min_word_characters", "share:"
    ),
    "few_alphabetic_words": Wording(
        "texts of numbers", "words with a letter among all words, below min_alphabetic_words", "share:"
    ),
    "word_length": Wording(
        "texts of odd words", "mean word length outside of min_word_length to max_word_length", "characters:"
    ),
    "many_symbols": Wording(
        "texts of symbols", "hash signs or ellipses for each word, above max_symbols", "for each word:"
    ),
    "few_stop_words": Wording("texts without stop words", "below min_stop_words", "different stop words:"),
    "few_sentences": Wording("texts of too few sentences", "below min_sentences", "sentences:"),
    "few_terminal_lines": Wording(
        "texts of unfinished lines", "lines that end in a closing mark, below min_terminal_lines", "share:"
    ),
    "short_lines": Wording("texts of short lines", "lines of 30 characters, above max_short_lines", "share:"),
    "bullet_lines": Wording("lists", "lines that are entries of a list, above max_bullet_lines", "share:"),
    "ellipsis_lines": Wording("teasers", "lines that end in an ellipsis, above max_ellipsis_lines", "share:"),
    "boilerplate_lines": Wording(
        "page furniture", "lines with a phrase of web pages, above max_boilerplate_lines", "share:"
    ),
    "many_line_ends": Wording(
        "broken-up texts", "line ends for each word, above max_line_ends", "for each word:"
    ),
    "curly_braces": Wording("code", "curly braces, above max_curly_braces", "braces:"),
    "lorem_ipsum": Wording("placeholder texts", "lorem ipsum, above max_lorem_ipsum", "times:"),
    "duplicate_lines": Wording(
        "texts of repeated lines", "lines that copy an earlier one, above max_duplicate_lines", "share:"
    ),
    "duplicate_line_characters": Wording(
        "texts of repeated lines", "characters in such lines, above max_duplicate_line_characters", "share:"
    ),
    "duplicate_paragraphs": Wording(
        "texts of repeated paragraphs",
        "paragraphs that copy an earlier one, above max_duplicate_paragraphs",
        "share:",
    ),
    "duplicate_paragraph_characters": Wording(
        "texts of repeated paragraphs",
        "characters in such paragraphs, above max_duplicate_paragraph_characters",
        "share:",
    ),
    "top_ngram": Wording(
        "texts of one phrase", "characters of the top n-gram, above max_top_ngram", "share of the top"
    ),
    "duplicate_ngrams": Wording(
        "texts that repeat themselves",
        "characters in repeated n-grams, above max_duplicate_ngrams",
        "share of repeated",
    ),
    "conflicting_labels": Wording(
        "texts with more than one label",
        "the same text under different labels, so no copy can be trusted",
        "labels:",
    ),
    "exact_duplicate": Wording(
        "exact duplicates", "the same text, and target, as a document that is kept", "duplicate of"
    ),
    "low_score": Wording(
        "texts more like the bad sample", "below min_score of the selection", "probability of being good:"
    ),
    "near_duplicate": Wording(
        "near-duplicates", "nearly the same text, and target, as a better document", "near-duplicate of"
    ),
    "contamination": Wording(
        "texts that give test answers away", "training text that also stands in held-out text", "overlap:"
    ),
    "duplicate_passages": Wording(
        "texts of passages that stand elsewhere",
        "nothing is left once passages of earlier documents are cut out",
        "cut out:",
    ),
}
