"""What a model is made of: one small record, written to every model folder as config.json."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lm.errors import UserError

Kind = Literal["causal-lm", "masked-lm", "sequence-classifier"]
KINDS: tuple[Kind, ...] = ("causal-lm", "masked-lm", "sequence-classifier")


@dataclass(frozen=True)
class ModelConfig:
    """Shape of a Transformer and of the head on it.

    Raises:
        UserError: the numbers do not fit together.
    """

    kind: Kind
    vocab_size: int
    layers: int
    width: int
    heads: int
    context: int
    """Longest input, in tokens."""
    feed_forward: Literal["relu2", "swiglu"] = "relu2"
    rope_base: float = 10_000.0
    """Base of the rotary frequencies (Su et al. 2021, RoFormer, use 10,000)."""
    dropout: float = 0.0
    labels: tuple[str, ...] = ()
    """Names of the classes of a sequence classifier, in the order of its outputs."""

    def __post_init__(self) -> None:
        for name in ("vocab_size", "layers", "width", "heads", "context"):
            if getattr(self, name) < 1:
                raise UserError(f"model config: {name} must be at least 1, got {getattr(self, name)}")
        if self.width % (2 * self.heads):
            raise UserError(
                f"model config: width must be a multiple of 2 x heads (rotary positions pair up dimensions), "
                f"got width {self.width} and heads {self.heads}"
            )
        if self.kind not in KINDS:
            raise UserError(f"model config: kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        if (self.kind == "sequence-classifier") != bool(self.labels):
            raise UserError("model config: labels are for a sequence-classifier, and it needs them")

    @property
    def causal(self) -> bool:
        """Whether a position sees only those before it."""
        return self.kind == "causal-lm"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**dataclasses.asdict(self), "labels": list(self.labels), "model_type": "tokenmill"}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ModelConfig":
        """The inverse of :meth:`to_dict`.

        Raises:
            UserError: a key is unknown or missing.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        given = {key: value for key, value in values.items() if key != "model_type"}
        if unknown := sorted(set(given) - known):
            raise UserError(
                f"model config: {', '.join(unknown)} is not known; is this a Tokenmill model folder?"
            )
        try:
            return cls(**{**given, "labels": tuple(given.get("labels", ()))})
        except TypeError as error:
            raise UserError(f"model config: {error}; is this a Tokenmill model folder?") from None
