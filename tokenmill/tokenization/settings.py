"""A tokenizer, and the sources that become its shards: an entry of ``tokenize`` in params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from tokenmill.core.settings import Count, Name, Settings


class TokenizeSettings(Settings):
    """The tokenizer, and which sources become shards."""

    sources: list[Name] = Field(min_length=1)
    algorithm: Literal["bpe", "wordpiece", "unigram"]
    vocab_size: Annotated[int, Field(ge=320, le=1_000_000)]
    max_han_run: Count
    """Runs of Han characters are cut at this length before training, or every clause would be one word."""
