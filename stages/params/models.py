"""The model half: what is pretrained, fine-tuned, evaluated and registered."""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from lm.names import KIND_OF, Decoder, Encoder, Family, MaskUnits, ObjectiveName, ScheduleName, TextToText
from stages.params.base import Count, Name, Positive, Settings

Kept = Literal["last", "best"]
"""The weights after the last step, or those with the lowest validation loss on the way (early stopping)."""


class PretrainSettings(Settings):
    """One pretrained model."""

    family: Family
    layers: Count
    """Of the encoder and, in a text-to-text model, as many of the decoder."""
    width: Count
    heads: Count
    context: Annotated[int, Field(ge=8)]
    objective: ObjectiveName
    mask_share: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Share of tokens that is hidden (masked, span-corruption)."""
    mask_units: MaskUnits = "tokens"
    """What is hidden together (masked)."""
    mean_span: Annotated[float, Field(ge=1)] = 3.0
    """Mean length of a hidden span in tokens (span-corruption)."""
    start: Literal["random", "bigrams"] = "random"
    """Weights to begin with: drawn from the seed, or such that the model is the bigram model of its training
    text (lm/training/bigrams.py)."""
    tokens: Count | None = None
    """Training budget in tokens of the stream; or ``epochs``."""
    epochs: Positive | None = None
    """Training budget in passes over the training tokens; or ``tokens``."""
    batch_rows: Count | None = None
    """Rows of ``context`` tokens in one optimizer step. Null: by the formula of lm/training/budget.py."""
    learning_rate: Positive | None = None
    """Of the matrices (Muon); embeddings and vectors follow from it. Null: what suits the batch."""
    schedule: ScheduleName = "linear"
    """How the learning rate falls after its warm-up."""
    keep: Kept = "last"
    """Which weights are published."""
    packing: Literal["stream", "documents", "apart"] = "stream"
    """Rows are cut from the stream of documents, or packed from whole documents, of which some are cut off
    at the row's end (``packing_waste`` in the metrics); ``apart``: and which do not see each other."""
    seed: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _possible(self) -> "PretrainSettings":
        families = {"causal-lm": Decoder, "masked-lm": Encoder, "text-to-text": TextToText}
        fitting = get_args(families[KIND_OF[self.objective]])
        if self.family not in fitting:
            raise ValueError(
                f"family must be one of {', '.join(fitting)} for the objective {self.objective}, "
                f"got {self.family}"
            )
        if self.width % (2 * self.heads):
            raise ValueError(
                f"width must be a multiple of 2 x heads (rotary positions pair up dimensions), "
                f"got width {self.width} and heads {self.heads}"
            )
        if self.objective == "masked" and self.mask_units == "spans" and self.mask_share > 0.5:
            raise ValueError(f"mask_share must be at most 0.5 for spans, got {self.mask_share}")
        if self.packing == "apart" and self.objective not in ("causal", "masked"):
            raise ValueError(f"packing can be apart for causal and masked only, not for {self.objective}")
        if self.packing == "apart" and self.family in ("rnn", "lstm"):
            raise ValueError(f"packing cannot be apart for {self.family}, whose state runs through the row")
        if self.start == "bigrams" and self.family != "small-gpt":
            raise ValueError(f"start can be bigrams for family small-gpt only, got {self.family}")
        if (self.tokens is None) == (self.epochs is None):
            got = "neither" if self.tokens is None else "both"
            raise ValueError(f"give either tokens or epochs as the budget of training, got {got}")
        return self

    def budget(self, training_tokens: int) -> int:
        """Tokens to train on, of a stream of ``training_tokens``."""
        return self.tokens or round((self.epochs or 0) * training_tokens)

    @property
    def shape(self) -> dict[str, Any]:
        """What sets this model apart from others of its family, as families take it."""
        size = {name: getattr(self, name) for name in ("layers", "width", "heads", "context")}
        return {**size, "head": "bilinear"} if self.start == "bigrams" else size


class LoraSettings(Settings):
    """Low-rank adaptation (Hu et al. 2021): small matrices are trained beside frozen layers."""

    layers: list[str] = Field(min_length=1)
    """Patterns of the names of linear layers, such as ``*.attention.*``."""
    rank: Count
    alpha: Positive
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class FinetuneSettings(Settings):
    """One task on labelled documents."""

    source: Name
    init_from: str
    """Folder of the model to start from: data/models/NAME of a key of ``pretrain``, or one of the user's own
    below data/sources, ours or in the layout of Hugging Face."""
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
    """Patterns of the names of parts that stay as they are, such as ``trunk.embeddings``."""
    keep: Kept = "last"
    """Which weights are published."""
    seed: Annotated[int, Field(ge=0)]


class EvaluateSettings(Settings):
    """What stands beside the models in the report."""

    ngram_order: Annotated[int, Field(ge=1, le=8)]
    prompts: list[str] = Field(min_length=1)
    max_new_tokens: Count
    temperature: Positive
    seed: Annotated[int, Field(ge=0)]


class RegisteredModel(Settings):
    """A name in the registry and the figure that decides who is champion."""

    name: Name
    metric: str
    better: Literal["higher", "lower"]
