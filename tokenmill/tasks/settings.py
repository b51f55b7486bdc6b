"""One fine-tuned model: an entry of ``finetune`` in params.yaml."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tokenmill.core.settings import Name, Seed, Settings
from tokenmill.tasks.table import TASKS
from tokenmill.training.settings import MOST_WIDTH, Context, Kept, Rate, Rows


class LoraSettings(Settings):
    """Low-rank adaptation (Hu et al. 2021): small matrices are trained beside frozen layers."""

    layers: list[str] = Field(min_length=1)
    """Patterns of the names of linear layers, such as ``*.attention.*``."""
    rank: Annotated[int, Field(ge=1, le=MOST_WIDTH)]
    """At most the width of the model: no matrix has a higher one."""
    alpha: Annotated[float, Field(gt=0, le=1e6)]
    """What the matrices add is multiplied with ``alpha / rank``; Hu et al. take about 1 to 8 for it."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class FinetuneSettings(Settings):
    """One task on the documents of a source."""

    task: str
    """What the model learns: one of :data:`tokenmill.tasks.table.TASKS`."""
    source: Name
    init_from: str
    """Folder of the model to start from: ``data/models/NAME`` of an entry of ``pretrain`` or ``finetune``, or
    one below data/sources, ours or in the layout of Hugging Face."""
    epochs: Annotated[int, Field(ge=1, le=10_000)]
    batch_size: Rows
    max_tokens: Context
    learning_rate: Rate
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
    seed: Seed

    @model_validator(mode="after")
    def _fits_the_task(self) -> "FinetuneSettings":
        if self.task not in TASKS:
            raise ValueError(f"task must be one of {', '.join(TASKS)}, got {self.task!r}")
        for task, entry in TASKS.items():
            for name in entry.settings if task != self.task else ():
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(f"{name} is for the task {task}; remove it")
        return self
