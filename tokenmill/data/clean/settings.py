"""Which documents stay: ``clean`` in params.yaml."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, create_model, model_validator

from tokenmill.core.settings import Settings, Share
from tokenmill.data.clean.rules import DOCUMENT_RULES
from tokenmill.data.documents.languages import UNDETERMINED, language_code


def _fields() -> dict[str, Any]:
    """The thresholds of all rules as fields of a pydantic model."""
    fields: dict[str, Any] = {}
    for rule in DOCUMENT_RULES:
        length = Field(min_length=len(rule.sizes), max_length=len(rule.sizes))
        type_ = Annotated[list[rule.type], length] if rule.sizes else rule.type  # type: ignore[name-defined]
        fields |= {name: (type_ | None, None) for name in rule.thresholds}
    return fields


_Fields: Any = create_model("_Fields", __base__=Settings, **_fields())


class Thresholds(_Fields):
    """Bounds of the document rules (:data:`DOCUMENT_RULES`), each inclusive; null or left out: not checked.

    ``docs/cleaning.md`` has a table of them with published values and with values for web pages.
    """

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for least in type(self).model_fields:
            most = least.replace("min_", "max_", 1)
            low, high = getattr(self, least), getattr(self, most, None)
            if low is not None and high is not None and high < low:
                raise ValueError(f"{most} must be at least {least}, got {high} and {low}")
        return self


class LanguageThresholds(Settings):
    """Thresholds for all documents, and what differs in a language."""

    default: Thresholds
    zh: Thresholds = Thresholds()
    en: Thresholds = Thresholds()

    def of(self, language: str) -> Thresholds:
        """The thresholds of a language: its own, and those of ``default`` where it names none."""
        own = getattr(self, language)
        return self.default.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})


LANGUAGES = tuple(name for name in LanguageThresholds.model_fields if name != "default")
"""Languages with thresholds of their own; all others have the default ones."""


class NearDuplicateSettings(Settings):
    """Documents that differ in little."""

    similarity: Annotated[float, Field(gt=0, le=1)]
    """Least Jaccard similarity of the sets of five-unit shingles."""
    bands: Literal[7, 14, 28] = 14
    """Bands of the signature. Half of the pairs are found whose similarity is 0.87, 0.69 or 0.40: more bands
    find more of those that are less similar, and take longer."""


class ContaminationSettings(Settings):
    """Training text that also stands in what models are tested on: the other splits, and sources with the
    role ``test``."""

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
    def _leave_something(self) -> Self:
        if self.validation + self.test >= 1:
            raise ValueError("validation and test together must stay below 1, or nothing is left to train on")
        return self


Language = Annotated[str, AfterValidator(lambda spelt: language_code(spelt) or UNDETERMINED)]
"""As measure writes it."""


class CleanSettings(Settings):
    """Which documents stay. A change of these measures nothing anew."""

    languages: list[Language] | None = None
    """ISO 639 codes of the languages that stay; null for all."""
    thresholds: LanguageThresholds
    selection: SelectionSettings | None = None
    near_duplicates: NearDuplicateSettings | None
    contamination: ContaminationSettings | None
    substrings: SubstringSettings | None
    split: SplitSettings
