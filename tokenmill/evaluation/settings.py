"""How one model is measured: an entry of ``evaluate`` in params.yaml."""

from typing import Annotated

from pydantic import Field

from tokenmill.core.settings import Count, Positive, Settings


class EvaluateSettings(Settings):
    """What stands beside the models in the report."""

    ngram_order: Annotated[int, Field(ge=1, le=8)]
    prompts: list[str] = Field(min_length=1)
    max_new_tokens: Count
    temperature: Positive
    seed: Annotated[int, Field(ge=0)]
