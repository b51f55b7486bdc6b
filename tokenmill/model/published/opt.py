"""OPT."""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.nn.functional import pad

from tokenmill.core.errors import UserError
from tokenmill.model.config import ModelConfig
from tokenmill.model.families import family_config
from tokenmill.model.published.activations import TO_THEM, activation
from tokenmill.model.published.layout import Entry, Layout, fused, same, with_bias

CLASSES = {
    "opt": {
        "features": "OPTModel",
        "causal-lm": "OPTForCausalLM",
        "sequence-classifier": "OPTForSequenceClassification",
    }
}

OUTPUT = "lm_head.weight"
"""The output layer; it is stored only where it is not the embedding matrix."""

PREFIX = "model."
"""Before the backbone's tensors, in classes that have a head. Files may have it where their class has not, or
lack it."""

IGNORED = re.compile(r"^$")
"""Stored tensors that follow from the config: none."""

UNUSED = 2
"""Rows of the table of positions before that of position 0. No token reads them."""


def to_config(config: ModelConfig) -> dict[str, Any]:
    """The published class's config of ours."""
    return {
        "model_type": "opt",
        "vocab_size": config.vocab_size,
        "max_position_embeddings": config.context,
        "hidden_size": config.width,
        "word_embed_proj_dim": config.width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "ffn_dim": config.intermediate_width,
        "activation_function": TO_THEM[config.activation],
        "tie_word_embeddings": config.tied,
    }


def from_config(values: Mapping[str, Any], kind: str, labels: tuple[str, ...]) -> ModelConfig:
    """Our config of theirs.

    Raises:
        UserError: it asks for something that our backbone has not.
    """
    if values["word_embed_proj_dim"] != values["hidden_size"]:
        raise UserError(
            f"config.json: word_embed_proj_dim must be {values['hidden_size']}, as hidden_size is, got "
            f"{values['word_embed_proj_dim']}; use an OPT of another size"
        )
    return family_config(
        "opt",
        kind=kind,
        labels=labels,
        vocab_size=values["vocab_size"],
        layers=values["num_hidden_layers"],
        width=values["hidden_size"],
        heads=values["num_attention_heads"],
        context=values["max_position_embeddings"],
        intermediate=values["ffn_dim"],
        activation=activation(values["activation_function"]),
        tied=values["tie_word_embeddings"],
    )


def _store_positions(table_CD: Tensor) -> tuple[Tensor]:
    return (pad(table_CD, (0, 0, UNUSED, 0)),)


def entries(config: ModelConfig) -> Layout:
    """Our tensors in theirs."""
    ours, theirs = "backbone.decoder", "decoder" if config.kind == "features" else "model.decoder"
    yield same("backbone.embeddings.token.weight", f"{theirs}.embed_tokens.weight")
    yield Entry(
        "backbone.embeddings.position.weight",
        (f"{theirs}.embed_positions.weight",),
        _store_positions,
        lambda parts: parts[0][UNUSED:],
    )
    for layer in range(config.layers):
        us, them = f"{ours}.blocks.{layer}", f"{theirs}.layers.{layer}"
        for part in ("weight", "bias"):
            projections = [f"{them}.self_attn.{name}_proj.{part}" for name in ("q", "k", "v")]
            yield fused(f"{us}.attention.query_key_value.{part}", projections, [config.width] * 3)
        yield from with_bias(same, f"{us}.attention.output", f"{them}.self_attn.out_proj")
        yield from with_bias(same, f"{us}.attention_norm", f"{them}.self_attn_layer_norm")
        yield from with_bias(same, f"{us}.feed_forward.input", f"{them}.fc1")
        yield from with_bias(same, f"{us}.feed_forward.output", f"{them}.fc2")
        yield from with_bias(same, f"{us}.feed_forward_norm", f"{them}.final_layer_norm")
    yield from with_bias(same, f"{ours}.final_norm", f"{theirs}.final_layer_norm")
    if config.kind == "causal-lm" and not config.tied:
        yield same("output.weight", OUTPUT)
    if config.kind == "sequence-classifier":
        yield same("classifier.weight", "score.weight")
