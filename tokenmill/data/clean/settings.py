"""Which documents stay: ``clean`` in params.yaml."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tokenmill.core.settings import Count, Settings, Share

Number = Annotated[float, Field(ge=0)]


class Thresholds(Settings):
    """Bounds of the document rules, each inclusive. What is null or left out is not checked.

    ``docs/cleaning.md`` has a table of them with published values and with values for web pages.
    """

    min_characters: Count | None = None
    max_characters: Count | None = None
    min_words: Count | None = None
    max_words: Count | None = None
    min_language_score: Share | None = None
    min_word_length: Number | None = None
    max_word_length: Number | None = None
    min_word_characters: Share | None = None
    min_alphabetic_words: Share | None = None
    max_symbols: Number | None = None
    min_stop_words: Count | None = None
    min_sentences: Count | None = None
    min_terminal_lines: Share | None = None
    max_short_lines: Share | None = None
    max_bullet_lines: Share | None = None
    max_ellipsis_lines: Share | None = None
    max_boilerplate_lines: Share | None = None
    max_line_ends: Number | None = None
    max_broken_characters: Share | None = None
    max_curly_braces: Annotated[int, Field(ge=0)] | None = None
    max_lorem_ipsum: Annotated[int, Field(ge=0)] | None = None
    max_duplicate_lines: Share | None = None
    max_duplicate_line_characters: Share | None = None
    max_duplicate_paragraphs: Share | None = None
    max_duplicate_paragraph_characters: Share | None = None
    max_top_ngram: Annotated[list[Share], Field(min_length=3, max_length=3)] | None = None
    """For 2-, 3- and 4-grams."""
    max_duplicate_ngrams: Annotated[list[Share], Field(min_length=6, max_length=6)] | None = None
    """For 5- to 10-grams."""

    @model_validator(mode="after")
    def _ordered(self) -> "Thresholds":
        for name in type(self).model_fields:
            low, high = getattr(self, name), getattr(self, name.replace("min_", "max_", 1), None)
            if name.startswith("min_") and low is not None and high is not None and high < low:
                raise ValueError(
                    f"{name.replace('min_', 'max_', 1)} must be at least {name}, got {high} and {low}"
                )
        return self


class LanguageThresholds(Settings):
    """Thresholds for all documents, and what differs in a language."""

    default: Thresholds
    zh: Thresholds = Thresholds()
    en: Thresholds = Thresholds()

    def of(self, language: Literal["default", "zh", "en"]) -> Thresholds:
        """The thresholds of a language: its own, and those of ``default`` where it names none."""
        own = getattr(self, language)
        return self.default.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})


class NearDuplicateSettings(Settings):
    """Documents that differ in little."""

    similarity: Annotated[float, Field(gt=0, le=1)]
    """Least Jaccard similarity of the sets of five-unit shingles."""
    bands: Literal[7, 14, 28] = 14
    """Bands of the signature. Half of the pairs are found whose similarity is 0.87, 0.69 or 0.40: more bands
    find more of those that are less similar, and take longer."""


class ContaminationSettings(Settings):
    """Training text that also stands in what models are tested on: other splits, sources with the role ``test``."""

    max_share: Share
    """Largest share of a training document, or of a held-out one, that runs of 13 words in both may cover."""


class SelectionSettings(Settings):
    """Selection by a classifier that learns from the sources with the roles ``good`` and ``bad``."""

    min_score: Share
    """Least probability that a document is good."""


class SubstringSettings(Settings):
    """Removal of long passages that stand in several documents, by suffix array."""

    min_characters: Annotated[int, Field(ge=20)]


class SplitSettings(Settings):
    """Shares held out, chosen by the hash of the text; the rest is for training."""

    validation: Annotated[float, Field(ge=0, lt=1)]
    test: Annotated[float, Field(ge=0, lt=1)]

    @model_validator(mode="after")
    def _leave_something(self) -> "SplitSettings":
        if self.validation + self.test >= 1:
            raise ValueError("validation and test together must stay below 1, or nothing is left to train on")
        return self


class CleanSettings(Settings):
    """Which documents stay. A change of these measures nothing anew."""

    languages: list[str] | None = None
    """ISO 639 codes of the languages that stay; null for all."""
    thresholds: LanguageThresholds
    selection: SelectionSettings | None = None
    near_duplicates: NearDuplicateSettings | None
    contamination: ContaminationSettings | None
    substrings: SubstringSettings | None
    split: SplitSettings
