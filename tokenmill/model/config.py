"""The configuration of a model: one record that describes every family (families.py names them)."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from tokenmill.core.errors import UserError, shown
from tokenmill.model.names import CLASSIFIERS, LANGUAGE_MODELS, Family, Kind, bio_labels

Activation = Literal["relu", "relu2", "gelu", "gelu_tanh", "silu", "linear"]
"""``gelu_tanh`` is GELU's tanh approximation; ``relu2`` the square of ReLU (So et al. 2021)."""

ProblemType = Literal["single_label_classification", "multi_label_classification", "regression"]
"""How a classifier of texts is read: one label is right, each is right or not, each output is a number."""

LARGEST = 2**31
"""Of a whole number in a config: no array of torch's has more rows."""


@dataclass(frozen=True)
class ModelConfig:
    """Shape and parts of a model. The defaults are those of Tokenmill's own decoder.

    Raises:
        UserError: the values do not fit together.
    """

    kind: Kind
    vocab_size: int
    layers: int
    """Blocks of the encoder, or of the decoder where there is no encoder."""
    width: int
    heads: int
    context: int
    """Longest input, in tokens."""
    family: Family = "small-gpt"
    """Says under which names the weights are stored."""
    causal: bool = True
    """A position sees only those before it. The decoder of a text-to-text model is always causal, its encoder
    never."""
    decoder_layers: int = 0
    """Blocks of the decoder of a text-to-text model; 0 elsewhere."""
    cell: Literal["attention", "rnn", "lstm"] = "attention"
    """What carries information from position to position."""

    # Attention
    key_value_heads: int = 0
    """Heads of keys and values, each for a group of query heads (Ainslie et al. 2023); 0: one for each."""
    head_width: int = 0
    """Dimensions of one head; 0: width / heads."""
    query_key_norm: bool = False
    """RMSNorm on queries and keys, head by head (Henry et al. 2020)."""
    attention_scale: float = 0.0
    """Factor on the scores; 0: head_width ** -0.5."""
    window: int = 0
    """Local attention reaches this many positions to either side; 0: everywhere."""
    global_every: int = 1
    """With a window, every so-manyth layer from the first on still attends everywhere."""

    # Positions
    positions: Literal["rotary", "learned", "sinusoidal", "relative", "none"] = "rotary"
    rotary_base: float = 10_000.0
    """Base of the rotary frequencies (Su et al. 2021 use 10,000)."""
    local_rotary_base: float = 0.0
    """That of layers with a window; 0: the same."""
    relative_buckets: int = 32
    relative_distance: int = 128
    """Distances from here on share the last bucket (Raffel et al. 2020)."""

    # Feed-forward
    intermediate: int = 0
    """Width of the feed-forward layer; 0: 4 x width, or 8/3 x width where it is gated."""
    activation: Activation = "relu2"
    gated: bool = False
    """``activation(gate) * value`` (Shazeer 2020)."""

    # Norms, biases, scales
    norm: Literal["rms", "layer"] = "rms"
    norm_eps: float = 1e-6
    post_norm: bool = False
    """Normalise after adding to the residual stream (Vaswani et al. 2017), not before each sub-layer."""
    final_norm: bool = True
    embedding_norm: Literal["none", "plain", "gain"] = "none"
    """Normalise the embeddings, without or with a learned gain."""
    first_norm: bool = True
    """Whether the first block normalises what it attends to."""
    bias: bool = False
    """Biases in linear layers and norms."""
    embedding_scale: float = 1.0
    output_scale: float = 1.0
    """Factor on hidden states before the output layer."""
    segments: int = 0
    """Kinds of segments (BERT's sentences A and B) with an embedding of their own."""

    # What stands on the backbone
    head: Literal["linear", "bilinear", "bert", "modernbert"] = "linear"
    """Layers before the output: none; a square matrix; as in BERT; as in ModernBERT (heads.py)."""
    head_activation: Activation = "gelu"
    """Of those layers."""
    tied: bool = True
    """The output layer is the embedding matrix (Press & Wolf 2017)."""
    output_bias: bool = False
    pooler: bool = False
    """BERT's layer over the first position stands beside a backbone without classes: a classifier of texts
    starts from it, and always has one."""
    pooling: Literal["mean", "first", "last"] = "mean"
    """Which position stands for a text in a sequence classifier."""
    labels: tuple[str, ...] = ()
    """Names of the classes, in the order of the outputs."""
    problem_type: ProblemType = "single_label_classification"
    ngrams: int = 0
    """Longest run of characters that a classifier of texts or of characters weighs beside the backbone; 0:
    none."""

    dropout: float = 0.0

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise UserError(
                    f"model config: {name} must be one of {', '.join(allowed)}, got "
                    f"{shown(getattr(self, name))}"
                )
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise UserError(f"model config: {name} must be at least {least}, got {getattr(self, name)}")
        if self.rotary_base <= 0 or self.dropout >= 1:
            raise UserError(
                "model config: rotary_base must be above 0 and dropout below 1, got "
                f"{self.rotary_base} and {self.dropout}"
            )
        if self.positions == "relative" and not 4 <= self.relative_buckets < 2 * self.relative_distance:
            raise UserError(
                "model config: relative_buckets must be at least 4 and less than twice "
                f"relative_distance, got {self.relative_buckets} and {self.relative_distance}"
            )
        if not self.head_width and self.width % self.heads:
            raise UserError(
                f"model config: width must be a multiple of heads, got width {self.width} "
                f"and heads {self.heads}"
            )
        if self.positions == "rotary" and self.width_of_head % 2:
            raise UserError(
                f"model config: rotary positions pair up a head's dimensions, of which there are "
                f"{self.width_of_head}; width must be a multiple of 2 x heads"
            )
        if self.heads % self.groups:
            raise UserError(
                f"model config: heads must be a multiple of key_value_heads, got {self.heads} "
                f"and {self.key_value_heads}"
            )
        if (self.kind in CLASSIFIERS) != bool(self.labels):
            raise UserError(
                f"model config: labels are for {' and '.join(CLASSIFIERS)}, which need them; "
                f"got kind {self.kind} with {len(self.labels)} labels"
            )
        if self.head == "bilinear" and not (self.tied and self.causal and self.embedding_norm == "plain"):
            raise UserError(
                "model config: a bilinear head needs a causal model with tied embeddings and a plain norm on "
                f"them, as small-gpt has; got family {self.family}"
            )
        if self.pooler and not (self.family == "bert" and self.kind in ("features", "masked-lm")):
            raise UserError(
                "model config: pooler is for features and masked-lm of the family bert, got kind "
                f"{self.kind} of the family {self.family}"
            )
        if self.problem_type != "single_label_classification" and self.kind != "sequence-classifier":
            raise UserError(
                f"model config: problem_type {self.problem_type} is for sequence-classifier, got "
                f"kind {self.kind}"
            )
        if self.ngrams and self.kind not in ("sequence-classifier", "character-classifier"):
            raise UserError(
                "model config: ngrams is for sequence-classifier and character-classifier, got "
                f"kind {self.kind}"
            )
        if self.kind == "character-classifier":
            names = [label.removeprefix("B-") for label in self.labels[1::2]]
            if self.labels != bio_labels(names):
                raise UserError(
                    "model config: labels of a character-classifier are O, and B- and I- of each name, got "
                    f"{shown(', '.join(self.labels))}"
                )
        if self.kind in LANGUAGE_MODELS and self.causal != (self.kind == "causal-lm"):
            raise UserError(
                f"model config: a {self.kind} model must {'not ' if self.causal else ''}be causal; "
                f"choose another family than {self.family}, or another kind"
            )
        if (self.kind == "text-to-text") != (self.decoder_layers > 0):
            raise UserError(
                "model config: decoder_layers is for text-to-text, which needs it; "
                f"got kind {self.kind} with {self.decoder_layers}"
            )

    @property
    def width_of_head(self) -> int:
        """Dimensions of one attention head."""
        return self.head_width or self.width // self.heads

    @property
    def groups(self) -> int:
        """Heads of keys and values."""
        return self.key_value_heads or self.heads

    @property
    def scale(self) -> float:
        """Factor on attention scores."""
        return self.attention_scale or self.width_of_head**-0.5

    @property
    def intermediate_width(self) -> int:
        """Width of the feed-forward layer; a derived one is a multiple of 32, which matrix kernels like."""
        return self.intermediate or (-(-8 * self.width // 3 // 32) * 32 if self.gated else 4 * self.width)

    def window_of(self, layer: int) -> int:
        """Reach of a layer's attention to either side; 0: everywhere."""
        return self.window if layer % self.global_every else 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        values = {**dataclasses.asdict(self), "labels": list(self.labels)}
        if self.problem_type == "single_label_classification":
            del values["problem_type"]  # as folders had it before there were others
        if not self.pooler:
            del values["pooler"]
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`.

        Raises:
            UserError: a key is unknown or missing, or a value of the wrong type.
        """
        if unknown := sorted(set(values) - {field.name for field in dataclasses.fields(cls)}):
            raise UserError(
                f"model config: {shown(', '.join(unknown))} is not known; was it written by another version?"
            )
        for name, value in values.items():
            if not _RIGHT.get(_HINTS[name], lambda _: True)(value):
                raise UserError(
                    f"model config: {name} cannot be {shown(value)}; was it written by another version?"
                )
        try:
            return cls(**{**values, "labels": tuple(values.get("labels", ()))})
        except TypeError as error:
            raise UserError(f"model config: {error}") from None


_HINTS = get_type_hints(ModelConfig)
_CHOICES: dict[str, tuple[str, ...]] = {
    name: get_args(hint) for name, hint in _HINTS.items() if get_origin(hint) is Literal
}
_RIGHT: dict[Any, Callable[[Any], bool]] = {
    int: lambda value: type(value) is int and abs(value) <= LARGEST,
    float: lambda value: type(value) in (int, float) and isfinite(value) and abs(value) < 1e30,
    bool: lambda value: type(value) is bool,
    tuple[str, ...]: lambda value: isinstance(value, list) and all(type(label) is str for label in value),
}
"""Whether a value from JSON is of a type."""
_LEAST = {
    "vocab_size": 1, "layers": 1, "width": 1, "heads": 1, "context": 1, "global_every": 1,
    "decoder_layers": 0,
    "key_value_heads": 0, "head_width": 0, "window": 0, "intermediate": 0, "segments": 0, "ngrams": 0,
    "norm_eps": 0, "local_rotary_base": 0, "dropout": 0,
}  # fmt: skip
