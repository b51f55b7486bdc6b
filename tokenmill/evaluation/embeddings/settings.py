"""An entry of ``evaluate.NAME.embeddings`` in params.yaml: what a model's vectors of texts are used for."""

from typing import Annotated, Literal

from pydantic import Field

from tokenmill.core.settings import Count, Name, Seed, Settings

Words = Annotated[str, Field(min_length=1, max_length=10_000)]


class EmbeddingSettings(Settings):
    """What every use has."""

    source: Name
    pooling: Literal["mean", "first", "last"] = "mean"
    items: Count | None = 1000
    """Of more test documents, so many are drawn; null: all."""
    seed: Seed = 1


class ClassesSettings(EmbeddingSettings):
    """Labels of texts: from k examples each by logistic regression, and from descriptions without any."""

    kind: Literal["classes"]
    shots: list[Annotated[int, Field(ge=1, le=10_000)]] = Field(default=[1, 4, 8, 16], min_length=1)
    """Training documents of each label."""
    draws: Annotated[int, Field(ge=2, le=100)] = 10
    """So often other documents are drawn (Tunstall et al. 2022 take 10)."""
    descriptions: dict[str, Words] = Field(default={})
    """Label -> a text that says what it means; without any, nothing is measured without examples."""


class RetrievalSettings(EmbeddingSettings):
    """Which target belongs to a text, of all those of the test documents."""

    kind: Literal["retrieval"]


Embeddings = Annotated[ClassesSettings | RetrievalSettings, Field(discriminator="kind")]
