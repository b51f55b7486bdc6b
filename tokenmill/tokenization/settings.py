"""A tokenizer, and the sources that become its shards: an entry of ``tokenize`` in params.yaml."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from tokenmill.core.settings import Name, Settings

SOURCES = "data/sources/"

MAX_HAN_RUN = 8


class TokenizeSettings(Settings):
    """A tokenizer that is trained, or taken from a downloaded model, and the sources that become shards."""

    sources: list[Name] = Field(min_length=1)
    """Sources whose documents become shards. A model may be pretrained on some of them only."""
    algorithm: Literal["bpe", "wordpiece", "unigram"] | None = None
    vocab_size: Annotated[int, Field(ge=320, le=1_000_000)] | None = None
    max_han_run: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Runs of Han characters are cut at this length before training, or every clause would be one word; null:
    at MAX_HAN_RUN. No clause has a thousand characters."""
    from_pretrained: str | None = None
    """Folder below data/sources of a model whose tokenizer is taken in place of training one."""

    @field_validator("from_pretrained")
    @classmethod
    def _watched(cls, folder: str | None) -> str | None:
        if folder is not None and (not folder.startswith(SOURCES) or ".." in folder):
            raise ValueError(f"must be a folder below {SOURCES}, where DVC watches it, got {folder}")
        return folder

    @model_validator(mode="after")
    def _trained_or_taken(self) -> Self:
        training = ("algorithm", "vocab_size", "max_han_run")
        given = [name for name in training if getattr(self, name) is not None]
        if self.from_pretrained is not None and given:
            raise ValueError(f"{given[0]} is for a tokenizer that is trained; remove it, or from_pretrained")
        missing = [name for name in training[:2] if name not in given]
        if self.from_pretrained is None and missing:
            raise ValueError(f"{missing[0]} is missing; a tokenizer that is trained needs it")
        return self
