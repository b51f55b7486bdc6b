"""One fine-tuned model: an entry of ``finetune`` in params.yaml, and what each task has of its own."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tokenmill.core.settings import Name, Seed, Settings
from tokenmill.training.settings import MOST_WIDTH, Context, Kept, Rate, Rows

EntityLabel = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^\S+$")]


class LoraSettings(Settings):
    """Low-rank adaptation (Hu et al. 2021): small matrices are trained beside frozen layers."""

    layers: list[str] = Field(min_length=1)
    """Patterns of the names of linear layers, such as ``*.attention.*``."""
    rank: Annotated[int, Field(ge=1, le=MOST_WIDTH)]
    """At most the width of the model: no matrix has a higher one."""
    alpha: Annotated[float, Field(gt=0, le=1e6)]
    """What the matrices add is multiplied with ``alpha / rank``; Hu et al. take about 1 to 8 for it."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class TaskSettings(Settings):
    """What every task on the documents of a source has."""

    source: Name | Annotated[list[Name], Field(min_length=1)]
    """Whose documents are learned from: one source, or several."""
    init_from: str
    """Folder of the model to start from: ``data/models/NAME`` of an entry of ``pretrain`` or ``finetune``, or
    one below data/sources, ours or in the layout of Hugging Face."""
    epochs: Annotated[int, Field(ge=1, le=10_000)]
    batch_size: Rows
    max_tokens: Context
    learning_rate: Rate | None = None
    """null: what suits the start, its size and the batch (recipe.py); docs/training.md says what the number
    means."""
    dropout: Annotated[float, Field(ge=0, lt=1)]
    lora: LoraSettings | None = None
    freeze: list[str] = Field(default=[])
    """Patterns of the names of parts that stay as they are, such as ``backbone.embeddings``."""
    keep: Kept = "last"
    """Which weights are published."""
    control: bool = True
    """Whether the same is trained from random weights too, to stand beside it in the evaluation."""
    seed: Seed

    @property
    def sources(self) -> list[str]:
        """The names of ``source``."""
        return [self.source] if isinstance(self.source, str) else self.source

    @property
    def source_names(self) -> str:
        """The same for a message."""
        return ", ".join(self.sources)


Problem = Literal["single-label", "multi-label", "regression"]
"""What a document's label is: one name, several, or a number."""


class ClassificationSettings(TaskSettings):
    """Labels of documents."""

    task: Literal["classification"]
    problem: Problem = "single-label"
    separator: Annotated[str, Field(min_length=1, max_length=10)] = ";"
    """What stands between the labels of a document that has several."""
    class_weights: Literal["balanced"] | None = None
    """``balanced``: each label counts as much as any other, however rare it is (King & Zeng 2001)."""
    pooling: Literal["mean", "first", "last"] | None = None
    """Which position stands for a text; null: what suits the family, a decoder's last. With ``mean`` a
    decoder's positions see the whole text, not only what precedes them (BehnamGhader et al. 2024)."""
    ngrams: Annotated[int, Field(ge=0, le=5)] = 0
    """Longest run of characters whose weights are learned beside the encoder; 0: none. ``transformers`` has
    no class for such a model."""

    @model_validator(mode="after")
    def _weights_are_of_labels(self) -> Self:
        if self.class_weights and self.problem == "regression":
            raise ValueError("class_weights is for labels, and a regression has numbers; remove it")
        return self


class TokenClassificationSettings(TaskSettings):
    """Tags of words."""

    task: Literal["token-classification"]


class NerSettings(TaskSettings):
    """Named entities. Texts are read in pieces of at most ``max_tokens`` tokens, and as many characters."""

    task: Literal["ner"]
    labels: dict[str, EntityLabel] | None = Field(default=None, min_length=1)
    """For tagged text: the label of each tag that stands for an entity, such as ``{nr: PER}``; null: entities
    are the spans of the documents."""
    ngrams: Annotated[int, Field(ge=0, le=4)] = 4
    """Longest window of characters whose weights are learned beside the backbone; 0: none."""


class GenerationSettings(TaskSettings):
    """A text for each text: translations, headlines, summaries."""

    task: Literal["generation"]
    reverse: bool = False
    """Whether a document's text is learned as the answer to its target, in place of the target as the answer
    to its text."""
    prefix: str = ""
    """Stands before each text, for a model that knows several tasks, as T5 does: ``"translate English to
    German: "``. It is kept with the model and put before what users send."""
    max_target_tokens: Context | None = None
    """Tokens of an answer, its end among them; null: as many as ``max_tokens``, which is for the texts. A
    decoder's context must hold both."""


class ChatSettings(TaskSettings):
    """The assistant's turns of conversations."""

    task: Literal["chat"]


class PreferenceSettings(TaskSettings):
    """Of two answers to a prompt, which is the better one."""

    task: Literal["preference"]
    beta: Annotated[float, Field(gt=0, le=100)] = 0.1
    """How strongly the model is held to the one that it starts from (Rafailov et al. 2023)."""
    control: Literal[True] = True
    """The model to start from, as it is: what it made of an answer is what rewards are measured from."""


class QuestionAnsweringSettings(TaskSettings):
    """Answers to questions within a passage, or that it holds none."""

    task: Literal["question-answering"]
    stride: Annotated[int, Field(ge=0)] = 64
    """Tokens that neighbouring windows share of a passage that is too long for one, at most half of each."""
    max_answer_tokens: Annotated[int, Field(ge=1)] = 30
    """Of the answers that are given, as in Devlin et al. 2019; training takes longer ones, too."""


FinetuneSettings = Annotated[
    ClassificationSettings
    | TokenClassificationSettings
    | NerSettings
    | GenerationSettings
    | QuestionAnsweringSettings
    | ChatSettings
    | PreferenceSettings,
    Field(discriminator="task"),
]
"""An entry of ``finetune``; the names are those of :data:`tokenmill.tasks.table.TASKS`."""
