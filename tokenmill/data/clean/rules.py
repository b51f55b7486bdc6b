"""The cleaning rules, in the order in which reports count a document that fails several.

The settings of thresholds (:mod:`tokenmill.data.clean.settings`), the expressions that find what fails
(:mod:`tokenmill.data.clean.apply_rules`), the words of the report and the table of docs/cleaning.md follow
from this table. A new rule is an entry here; if it counts something new, also a column of data/measured.
"""

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any

from pydantic import Field

from tokenmill.core.settings import Count, Share

AtLeastZero = Annotated[float, Field(ge=0)]
WholeNumber = Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class Rule:
    """Why a document is dropped: what is measured, the bounds of that, and the words of the report."""

    name: str
    _: KW_ONLY
    measure: str = ""
    """SQL over the columns of data/measured; null does not fail. Empty for the rules that compare documents
    (:mod:`tokenmill.data.clean.decide`), which see only what passed all rules before them."""
    least: str = ""
    """The threshold below which a measure fails, one of ``clean.thresholds``."""
    most: str = ""
    """The threshold above which a measure fails."""
    type: Any = Share
    """Of the thresholds in params.yaml."""
    sizes: tuple[int, ...] = ()
    """Lengths of n-grams: a threshold for each; they stand for ``{n}`` in ``measure``."""
    published: str = ""
    """Thresholds of others: Gopher (Rae et al. 2021, appendix A1), C4 (Raffel et al. 2020, section 2.2),
    FineWeb and FineWeb-2 (Penedo et al. 2024 and 2025), data-juicer's recipes."""
    plural: str
    """Many of what fails it."""
    meaning: str
    """What is measured; where there is no threshold, what it is that fails."""
    value: str = "share:"
    """What the report says before a value that failed."""

    @property
    def thresholds(self) -> tuple[str, ...]:
        """Names of its thresholds."""
        return tuple(name for name in (self.least, self.most) if name)

    @property
    def reason(self) -> str:
        """What is wrong with what fails it: ``words, below min_words``."""
        if self.least and self.most:
            return f"{self.meaning}, outside of {self.least} to {self.most}"
        if self.least:
            return f"{self.meaning}, below {self.least}"
        return f"{self.meaning}, above {self.most}" if self.most else self.meaning


def share(part: str, whole: str) -> str:
    """SQL for one count over another; null where the second is 0, so that no rule fails on it."""
    return f"{part} / NULLIF({whole}, 0)"


DOCUMENT_RULES = (
    Rule(
        "empty",
        measure="CASE WHEN characters = 0 THEN 'text' WHEN target_characters = 0 THEN 'target' END",
        plural="texts with nothing in them",
        meaning="nothing is left of the text, or of its target",
        value="empty:",
    ),
    Rule(
        "other_language",
        measure="language",
        plural="texts in other languages",
        meaning="not one of `languages`",
        value="language:",
    ),
    Rule(
        "too_short",
        measure="NULLIF(characters, 0)",  # an empty text fails its own rule only
        least="min_characters",
        type=Count,
        published="data-juicer zh 10",
        plural="texts that are too short",
        meaning="characters",
        value="characters:",
    ),
    Rule(
        "too_long",
        measure="characters",
        most="max_characters",
        type=Count,
        plural="texts that are too long",
        meaning="characters",
        value="characters:",
    ),
    Rule(
        "too_few_words",
        measure="CASE WHEN characters > 0 THEN words END",
        least="min_words",
        type=Count,
        published="Gopher 50",
        plural="texts of too few words",
        meaning="words",
        value="words:",
    ),
    Rule(
        "too_many_words",
        measure="words",
        most="max_words",
        type=Count,
        published="Gopher 100,000",
        plural="texts of too many words",
        meaning="words",
        value="words:",
    ),
    Rule(
        "unsure_language",
        measure="language_score",
        least="min_language_score",
        published="FineWeb 0.65, FineWeb-2 zh 0.692",
        plural="texts of unsure language",
        meaning="probability of the language",
        value="score:",
    ),
    Rule(
        "broken_characters",
        measure=share("broken_characters", "head_characters"),
        most="max_broken_characters",
        plural="wrongly decoded texts",
        meaning="lost or private characters ÷ characters",
    ),
    Rule(
        "few_word_characters",
        measure=share("word_characters", "head_characters"),
        least="min_word_characters",
        published="data-juicer zh 0.10, en 0.25",
        plural="texts of few letters",
        meaning="letters and digits ÷ characters",
    ),
    Rule(
        "few_alphabetic_words",
        measure=f"1 - {share('numbers', 'words')}",
        least="min_alphabetic_words",
        published="Gopher 0.8, FineWeb-2 zh 0.735 (with punctuation)",
        plural="texts of numbers",
        meaning="words that are no numbers ÷ words",
    ),
    Rule(
        "word_length",
        measure=share("word_characters", "words"),  # of Chinese it is 1: only a high bound says something
        least="min_word_length",
        most="max_word_length",
        type=AtLeastZero,
        published="Gopher 3, 10; FineWeb-2 zh 1, 5",
        plural="texts of odd words",
        meaning="characters of a word, mean",
        value="characters:",
    ),
    Rule(
        "many_symbols",
        measure=f"GREATEST({share('hash_signs', 'words')}, {share('ellipses', 'words')})",
        most="max_symbols",
        type=AtLeastZero,
        published="Gopher 0.1",
        plural="texts of symbols",
        meaning="`#` ÷ words, or ellipses ÷ words",
        value="for each word:",
    ),
    Rule(
        "few_stop_words",
        measure="CASE language WHEN 'zh' THEN stop_words_zh WHEN 'en' THEN stop_words_en END",
        least="min_stop_words",
        type=Count,
        published="Gopher 2, FineWeb-2 zh 2",
        plural="texts without stop words",
        meaning="different stop words",
        value="different stop words:",
    ),
    Rule(
        "few_sentences",
        measure="sentences",
        least="min_sentences",
        type=Count,
        published="C4 5",
        plural="texts of too few sentences",
        meaning="ends of sentences",
        value="sentences:",
    ),
    Rule(
        "few_terminal_lines",
        measure=share("terminal_lines", "lines"),
        least="min_terminal_lines",
        published="FineWeb 0.12, FineWeb-2 zh 0.106",
        plural="texts of unfinished lines",
        meaning="lines that end in a closing mark ÷ lines",
    ),
    Rule(
        "short_lines",
        measure=share("short_lines", "lines"),
        most="max_short_lines",
        published="FineWeb 0.67",
        plural="texts of short lines",
        meaning="lines of at most 30 characters ÷ lines",
    ),
    Rule(
        "bullet_lines",
        measure=share("bullet_lines", "lines"),
        most="max_bullet_lines",
        published="Gopher 0.9",
        plural="lists",
        meaning="entries of lists ÷ lines",
    ),
    Rule(
        "ellipsis_lines",
        measure=share("ellipsis_lines", "lines"),
        most="max_ellipsis_lines",
        published="Gopher 0.3",
        plural="teasers",
        meaning="lines that end in an ellipsis ÷ lines",
    ),
    Rule(
        "boilerplate_lines",
        measure=share("boilerplate_lines", "lines"),
        most="max_boilerplate_lines",
        published="C4 takes them out",
        plural="page furniture",
        meaning="lines with a phrase of web pages ÷ lines",
    ),
    Rule(
        "many_line_ends",
        measure=share("line_ends", "words"),
        most="max_line_ends",
        type=AtLeastZero,
        published="FineWeb 0.3, FineWeb-2 zh 0.178",
        plural="broken-up texts",
        meaning="line ends ÷ words",
        value="for each word:",
    ),
    Rule(
        "curly_braces",
        measure="curly_braces",
        most="max_curly_braces",
        type=WholeNumber,
        published="C4 0",
        plural="code",
        meaning="`{`",
        value="braces:",
    ),
    Rule(
        "lorem_ipsum",
        measure="lorem_ipsum",
        most="max_lorem_ipsum",
        type=WholeNumber,
        published="C4 0",
        plural="placeholder texts",
        meaning='"lorem ipsum"',
        value="times:",
    ),
    Rule(
        "duplicate_lines",
        measure=share("duplicate_lines", "lines"),
        most="max_duplicate_lines",
        published="Gopher 0.30",
        plural="texts of repeated lines",
        meaning="lines that copy an earlier one ÷ lines",
    ),
    Rule(
        "duplicate_line_characters",
        measure=share("duplicate_line_characters", "head_characters"),
        most="max_duplicate_line_characters",
        published="Gopher 0.20, FineWeb 0.01",
        plural="texts of repeated lines",
        meaning="characters in such lines ÷ characters",
    ),
    Rule(
        "duplicate_paragraphs",
        measure=share("duplicate_paragraphs", "paragraphs"),
        most="max_duplicate_paragraphs",
        published="Gopher 0.30",
        plural="texts of repeated paragraphs",
        meaning="paragraphs that copy an earlier one ÷ paragraphs",
    ),
    Rule(
        "duplicate_paragraph_characters",
        measure=share("duplicate_paragraph_characters", "head_characters"),
        most="max_duplicate_paragraph_characters",
        published="Gopher 0.20",
        plural="texts of repeated paragraphs",
        meaning="characters in such paragraphs ÷ characters",
    ),
    Rule(
        "top_ngram",
        measure=share("top_{n}_gram_characters", "word_characters"),
        most="max_top_ngram",
        sizes=(2, 3, 4),
        published="Gopher 0.20, 0.18, 0.16",
        plural="texts of one phrase",
        meaning="characters of the top 2-, 3-, 4-gram ÷ those of all words",
        value="share of the top",
    ),
    Rule(
        "duplicate_ngrams",
        measure=share("duplicate_{n}_gram_characters", "word_characters"),
        most="max_duplicate_ngrams",
        sizes=(5, 6, 7, 8, 9, 10),
        published="Gopher 0.15 to 0.10",
        plural="texts that repeat themselves",
        meaning="characters in repeated 5- to 10-grams ÷ those of all words",
        value="share of repeated",
    ),
)

CORPUS_RULES = (
    Rule(
        "conflicting_labels",
        plural="texts with more than one label",
        meaning="the same text under different labels, so no copy can be trusted",
        value="labels:",
    ),
    Rule(
        "exact_duplicate",
        plural="exact duplicates",
        meaning="the same text, and target, as a document that is kept",
        value="duplicate of",
    ),
    Rule(
        "low_score",
        plural="texts more like the bad sample",
        meaning="below min_score of the selection",
        value="probability of being good:",
    ),
    Rule(
        "near_duplicate",
        plural="near-duplicates",
        meaning="nearly the same text, and target, as a better document",
        value="near-duplicate of",
    ),
    Rule(
        "contamination",
        plural="texts that give test answers away",
        meaning="training text that also stands in held-out text",
        value="overlap:",
    ),
    Rule(
        "duplicate_passages",
        plural="texts of passages that stand elsewhere",
        meaning="nothing is left once passages of earlier documents are cut out",
        value="cut out:",
    ),
)

RULES = {rule.name: rule for rule in (*DOCUMENT_RULES, *CORPUS_RULES)}
