"""GPT-2."""

import re
from collections.abc import Mapping
from typing import Any

from tokenmill.model.config import ModelConfig
from tokenmill.model.families import family_config
from tokenmill.model.published.activations import TO_THEM, activation
from tokenmill.model.published.layout import Layout, same, transposed, with_bias

CLASSES = {
    "gpt2": {
        "features": "GPT2Model",
        "causal-lm": "GPT2LMHeadModel",
        "sequence-classifier": "GPT2ForSequenceClassification",
        "token-classifier": "GPT2ForTokenClassification",
    }
}


OUTPUT = "lm_head.weight"
"""The output layer; it is stored only where it is not the embedding matrix."""

PREFIX = "transformer."
"""Before the backbone's tensors, in classes that have a head. Files may have it where their class has not, or
lack it."""

IGNORED = re.compile(r"(^|\.)attn\.(masked_)?bias$")
"""Stored tensors that follow from the config."""


def to_config(config: ModelConfig) -> dict[str, Any]:
    """The published class's config of ours."""
    return {
        "model_type": "gpt2",
        "vocab_size": config.vocab_size,
        "n_positions": config.context,
        "n_embd": config.width,
        "n_layer": config.layers,
        "n_head": config.heads,
        "n_inner": config.intermediate_width,
        "activation_function": TO_THEM[config.activation],
        "layer_norm_epsilon": config.norm_eps,
        "tie_word_embeddings": config.tied,
    }


def from_config(values: Mapping[str, Any], kind: str, labels: tuple[str, ...]) -> ModelConfig:
    """Our config of theirs.

    Raises:
        UserError: it asks for something that our backbone has not.
    """
    return family_config(
        "gpt2",
        kind=kind,
        labels=labels,
        vocab_size=values["vocab_size"],
        layers=values["n_layer"],
        width=values["n_embd"],
        heads=values["n_head"],
        context=values["n_positions"],
        intermediate=values["n_inner"] or 4 * values["n_embd"],
        activation=activation(values["activation_function"]),
        norm_eps=values["layer_norm_epsilon"],
        tied=values["tie_word_embeddings"],
    )


def entries(config: ModelConfig) -> Layout:
    """Our tensors in theirs; their matrices stand the other way round, (inputs, outputs)."""
    ours, theirs = "backbone.decoder", "" if config.kind == "features" else "transformer."
    yield same("backbone.embeddings.token.weight", f"{theirs}wte.weight")
    yield same("backbone.embeddings.position.weight", f"{theirs}wpe.weight")
    for layer in range(config.layers):
        us, them = f"{ours}.blocks.{layer}", f"{theirs}h.{layer}"
        yield from with_bias(transposed, f"{us}.attention.query_key_value", f"{them}.attn.c_attn")
        yield from with_bias(transposed, f"{us}.attention.output", f"{them}.attn.c_proj")
        yield from with_bias(transposed, f"{us}.feed_forward.input", f"{them}.mlp.c_fc")
        yield from with_bias(transposed, f"{us}.feed_forward.output", f"{them}.mlp.c_proj")
        yield from with_bias(same, f"{us}.attention_norm", f"{them}.ln_1")
        yield from with_bias(same, f"{us}.feed_forward_norm", f"{them}.ln_2")
    yield from with_bias(same, f"{ours}.final_norm", f"{theirs}ln_f")
    if config.kind == "causal-lm" and not config.tied:
        yield same("output.weight", OUTPUT)
    if config.kind == "sequence-classifier":
        yield same("classifier.weight", "score.weight")
    if config.kind == "token-classifier":
        yield from with_bias(same, "classifier", "classifier")
