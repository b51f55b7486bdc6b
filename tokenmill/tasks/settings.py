"""One fine-tuned model: an entry of ``finetune`` in params.yaml."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tokenmill.core.settings import Count, Name, Positive, Settings
from tokenmill.tasks.table import TASKS
from tokenmill.training.settings import Kept


class LoraSettings(Settings):
    """Low-rank adaptation (Hu et al. 2021): small matrices are trained beside frozen layers."""

    layers: list[str] = Field(min_length=1)
    """Patterns of the names of linear layers, such as ``*.attention.*``."""
    rank: Count
    alpha: Positive
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class FinetuneSettings(Settings):
    """One task on the documents of a source."""

    task: str
    """What the model learns: one of :data:`tokenmill.tasks.table.TASKS`."""
    source: Name
    init_from: str
    """Folder of the model to start from: ``data/models/NAME`` of an entry of ``pretrain`` or ``finetune``, or
    one below data/sources, ours or in the layout of Hugging Face."""
    epochs: Count
    batch_size: Count
    max_tokens: Annotated[int, Field(ge=8)]
    learning_rate: Positive
    dropout: Annotated[float, Field(ge=0, lt=1)]
    lora: LoraSettings | None = None
    pooling: Literal["mean", "first", "last"] | None = None
    """Which position stands for a text; null: what suits the family, a decoder's last. With ``mean`` a
    decoder's positions see the whole text, not only what precedes them (BehnamGhader et al. 2024)."""
    ngrams: Annotated[int, Field(ge=0, le=5)] = 0
    """Longest run of characters whose weights are learned beside the encoder; 0: none. ``transformers`` has
    no class for such a model."""
    freeze: list[str] = Field(default=[])
    """Patterns of the names of parts that stay as they are, such as ``backbone.embeddings``."""
    keep: Kept = "last"
    """Which weights are published."""
    seed: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _fits_the_task(self) -> "FinetuneSettings":
        if self.task not in TASKS:
            raise ValueError(f"task must be one of {', '.join(TASKS)}, got {self.task!r}")
        for task, entry in TASKS.items():
            for name in entry.settings if task != self.task else ():
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(f"{name} is for the task {task}; remove it")
        return self
