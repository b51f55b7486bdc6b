"""The families: named values of :class:`tokenmill.model.config.ModelConfig`.

``small-gpt``, ``small-bert`` and ``small-t5`` are Tokenmill's own recipes for small sizes; the others are the
published ones.
"""

from collections.abc import Mapping
from typing import Any

from tokenmill.model.config import ModelConfig
from tokenmill.model.names import Family

_DECODER = {"kind": "causal-lm", "causal": True}
_ENCODER = {"kind": "masked-lm", "causal": False}
_TEXT_TO_TEXT = {"kind": "text-to-text", "causal": False}

# Pre-norm RMSNorm, squared ReLU, normalised embeddings, no biases: what pays at small sizes, with rotary
# positions and QK-norm where the family's stored form has them (docs/experiments.md).
_OURS = {"norm": "rms", "activation": "relu2", "embedding_norm": "plain"}
_T5 = {"norm": "rms", "positions": "relative", "attention_scale": 1.0, "activation": "relu"}
_BERT = {
    "norm": "layer", "norm_eps": 1e-12, "post_norm": True, "final_norm": False, "positions": "learned",
    "bias": True, "activation": "gelu", "embedding_norm": "gain", "segments": 2, "head": "bert",
    "output_bias": True, "pooling": "first",
}  # fmt: skip
_LLAMA = {"activation": "silu", "gated": True}

FAMILIES: Mapping[Family, Mapping[str, Any]] = {
    "small-gpt": {**_DECODER, **_OURS, "query_key_norm": True, "pooling": "last"},
    "small-bert": {
        **_ENCODER, **_OURS, "norm": "layer", "norm_eps": 1e-5, "embedding_norm": "gain", "first_norm": False,
        "head": "modernbert", "head_activation": "linear", "output_bias": True,
    },
    "small-t5": {**_TEXT_TO_TEXT, **_OURS, "positions": "relative", "attention_scale": 1.0},
    "vaswani": {
        **_TEXT_TO_TEXT, "norm": "layer", "norm_eps": 1e-5, "post_norm": True, "positions": "sinusoidal",
        "bias": True, "activation": "relu",
    },
    "bert": {**_ENCODER, **_BERT},
    "gpt2": {
        **_DECODER, "norm": "layer", "norm_eps": 1e-5, "positions": "learned", "bias": True,
        "activation": "gelu_tanh", "pooling": "last",
    },
    "opt": {
        **_DECODER, "norm": "layer", "norm_eps": 1e-5, "positions": "learned", "bias": True,
        "activation": "relu", "pooling": "last",
    },
    "t5": {**_TEXT_TO_TEXT, **_T5},
    "t5-1.1": {**_TEXT_TO_TEXT, **_T5, "activation": "gelu_tanh", "gated": True, "tied": False},
    "llama": {**_DECODER, **_LLAMA, "pooling": "last", "tied": False},
    "qwen3": {**_DECODER, **_LLAMA, "pooling": "last", "query_key_norm": True},
    "modernbert": {
        **_ENCODER, "norm": "layer", "norm_eps": 1e-5, "activation": "gelu", "gated": True,
        "embedding_norm": "gain", "first_norm": False, "head": "modernbert", "output_bias": True,
    },
    "rnn": {**_DECODER, "cell": "rnn", "positions": "none"},
    "lstm": {**_DECODER, "cell": "lstm", "positions": "none"},
}  # fmt: skip


def family_config(family: Family, **shape: Any) -> ModelConfig:
    """The configuration of a family with its size, and anything else that is to differ from the family's own.

    ``shape`` holds at least vocab_size, layers, width, heads and context. A text-to-text model gets as many
    layers in its decoder as in its encoder unless told otherwise, and a width that follows from the others is
    derived from them (``vaswani`` scales its embeddings by sqrt(width), ``t5`` its output by
    1/sqrt(width)).

    Raises:
        UserError: the values do not fit together.
    """
    values = {**FAMILIES[family], "family": family, **shape}
    if values["kind"] == "text-to-text":
        values.setdefault("decoder_layers", values["layers"])
    if family == "vaswani":
        values.setdefault("embedding_scale", values["width"] ** 0.5)
    if family == "t5":
        values.setdefault("output_scale", values["width"] ** -0.5)
    return ModelConfig(**values)
