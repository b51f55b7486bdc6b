"""One pretrained model: an entry of ``pretrain`` in params.yaml."""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from tokenmill.core.settings import Count, Name, Seed, Settings
from tokenmill.model.names import Decoder, Encoder, Family, Kind, TextToText
from tokenmill.objectives.table import OBJECTIVES, Masking
from tokenmill.training.settings import MOST_WIDTH, Context, Epochs, Kept, Rate, Rows, ScheduleName

RANDOM, BIGRAMS = "data/init/random", "data/init/bigrams"
FRESH = (RANDOM, BIGRAMS)
"""Files that stand for new weights: DVC wants a path for every dependency."""

FAMILIES: dict[Kind, Any] = {"causal-lm": Decoder, "masked-lm": Encoder, "text-to-text": TextToText}
SHAPE = ("family", "layers", "width", "heads", "context")
"""What fresh weights need to be told; a model to go on from knows it."""
ONLY_WHERE_SET = ("fim_rate", "canaries")
"""Left out of what a model's ancestry says where they are null."""


class PretrainSettings(Settings):
    """One pretrained model."""

    tokenizer: Name
    """An entry of ``tokenize``, whose shards the model is trained on."""
    init_from: str
    """Where the weights come from: ``data/init/random``, drawn from the seed; ``data/init/bigrams``, such
    that the model is the bigram model of its training text (bigrams.py); or the folder of a model of the same
    tokenizer, ``data/models/NAME`` or one below data/sources."""
    sources: list[Name] | None = Field(default=None, min_length=1)
    """Those of the tokenizer's sources to train on; null: all."""
    family: Family | None = None
    layers: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Of the encoder and, in a text-to-text model, as many of the decoder. DeepNet, the deepest published,
    has 1,000 (Wang et al. 2022)."""
    width: Annotated[int, Field(ge=1, le=MOST_WIDTH)] | None = None
    heads: Annotated[int, Field(ge=1, le=MOST_WIDTH)] | None = None
    context: Context | None = None
    """Tokens in a row. The shape of fresh weights must be given; that of a model to go on from stands in its
    folder, but for a shorter context."""
    objective: str
    """What the model learns to predict: one of :data:`tokenmill.objectives.table.OBJECTIVES`."""
    fim_rate: Annotated[float, Field(gt=0, le=1)] | None = None
    """Share of documents from whose middle a part is moved to their end (causal): fill in the middle."""
    mlm_probability: Annotated[float, Field(ge=0.001, lt=1)] = 0.15
    """Probability of a token to be hidden (masked)."""
    masking: Masking = "token"
    """What is hidden together (masked)."""
    noise_density: Annotated[float, Field(ge=0.001, le=0.9)] = 0.15
    """Share of tokens that is hidden (span-corruption). Near 1 hardly a row would fill the context."""
    mean_noise_span_length: Annotated[float, Field(ge=1, le=1e6)] = 3.0
    """Mean length of a hidden span in tokens (span-corruption)."""
    tokens: Count | None = None
    """Training budget in tokens of the stream; or ``epochs``."""
    epochs: Epochs | None = None
    """Training budget in passes over the training tokens; or ``tokens``."""
    batch_rows: Rows | None = None
    """Rows of ``context`` tokens in one optimizer step. Null: by the formula of budget.py."""
    learning_rate: Rate | None = None
    """Of the matrices (Muon); embeddings and vectors follow from it. Null: what suits the batch."""
    schedule: ScheduleName = "linear"
    """How the learning rate falls after its warm-up."""
    keep: Kept = "last"
    """Which weights are published."""
    packing: Literal["stream", "documents", "isolated"] = "stream"
    """Rows are cut from the stream of documents, or packed from whole documents, of which some are cut off
    at the row's end; ``isolated``: and which do not see each other (causal, masked)."""
    canaries: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Texts with a random secret that are planted among the training documents (causal), by which evaluation
    tells what the model keeps of single ones (:mod:`tokenmill.text.canaries`)."""
    seed: Seed

    @property
    def fresh(self) -> bool:
        """Whether training begins with new weights, not with a model's."""
        return self.init_from in FRESH

    @model_validator(mode="after")
    def _possible(self) -> "PretrainSettings":
        problem = self._start_problem() or self._objective_problem() or self._budget_problem()
        if problem:
            raise ValueError(problem)
        return self

    @model_serializer(mode="wrap")
    def _dumped(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = dump(self)
        return {
            name: value for name, value in values.items() if value is not None or name not in ONLY_WHERE_SET
        }

    def _start_problem(self) -> str | None:
        for name in SHAPE:
            given = getattr(self, name) is not None
            if self.fresh and not given:
                return f"{name} is missing; a model that begins with {self.init_from} needs it"
            if not self.fresh and given and name != "context":
                return f"{name} is that of the model in init_from; remove it"
        if self.init_from == BIGRAMS and self.family != "small-gpt":
            return f"init_from can be {BIGRAMS} for family small-gpt only, got {self.family}"
        if self.width and self.heads and self.width % (2 * self.heads):
            return (
                f"width must be a multiple of 2 x heads (rotary positions pair up dimensions), "
                f"got width {self.width} and heads {self.heads}"
            )
        return None

    def _objective_problem(self) -> str | None:
        if self.objective not in OBJECTIVES:
            return f"objective must be one of {', '.join(OBJECTIVES)}, got {self.objective!r}"
        fitting = get_args(FAMILIES[OBJECTIVES[self.objective]])
        if self.family is not None and self.family not in fitting:
            return (
                f"family must be one of {', '.join(fitting)} for the objective {self.objective}, "
                f"got {self.family}"
            )
        if self.objective == "masked" and self.mlm_probability * (self.context or 1000) < 1:
            return (
                f"mlm_probability {self.mlm_probability} hides less than one token of a row of {self.context}"
            )
        if self.objective == "masked" and self.masking == "span" and self.mlm_probability > 0.5:
            return f"mlm_probability must be at most 0.5 for spans, got {self.mlm_probability}"
        if self.packing == "isolated" and self.objective not in ("causal", "masked"):
            return f"packing can be isolated for causal and masked only, not for {self.objective}"
        if self.packing == "isolated" and self.family in ("rnn", "lstm"):
            return f"packing cannot be isolated for {self.family}, whose state runs through the row"
        for name in ONLY_WHERE_SET:
            if getattr(self, name) is not None and self.objective != "causal":
                return f"{name} is for the objective causal, not for {self.objective}; remove it"
        return None

    def _budget_problem(self) -> str | None:
        if (self.tokens is None) == (self.epochs is None):
            got = "neither" if self.tokens is None else "both"
            return f"give either tokens or epochs as the budget of training, got {got}"
        return None

    def budget(self, training_tokens: int) -> int:
        """Tokens to train on, of a stream of ``training_tokens``."""
        return self.tokens or max(1, round((self.epochs or 0) * training_tokens))

    @property
    def shape(self) -> dict[str, Any]:
        """What sets a fresh model apart from others of its family, as families take it."""
        size = {name: getattr(self, name) for name in ("layers", "width", "heads", "context")}
        return {**size, "head": "bilinear"} if self.init_from == BIGRAMS else size
