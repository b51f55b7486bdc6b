"""ModernBERT, and our own encoder as one."""

import re
from collections.abc import Mapping
from typing import Any

from tokenmill.core.errors import UserError, shown
from tokenmill.model.config import ModelConfig
from tokenmill.model.families import family_config
from tokenmill.model.names import CLASSIFIERS
from tokenmill.model.published.activations import TO_THEM, activation
from tokenmill.model.published.layout import Entry, Layout, same, squared, with_bias
from tokenmill.model.published.rope import rotary_base

_CLASSES = {
    "features": "ModernBertModel",
    "masked-lm": "ModernBertForMaskedLM",
    "sequence-classifier": "ModernBertForSequenceClassification",
    "token-classifier": "ModernBertForTokenClassification",
    "span-extractor": "ModernBertForQuestionAnswering",
}
CLASSES = {"modernbert": _CLASSES, "small-bert": _CLASSES}


OUTPUT = "decoder.weight"
"""The output layer; it is stored only where it is not the embedding matrix."""

PREFIX = "model."
"""Before the backbone's tensors, in classes that have a head. Files may have it where their class has not, or
lack it."""

IGNORED = re.compile(r"(^|\.)rotary_emb\.(\w+_)?inv_freq$")
"""Stored tensors that follow from the config."""


def to_config(config: ModelConfig) -> dict[str, Any]:
    """The published class's config of ours."""
    local = config.local_rotary_base or config.rotary_base
    return {
        "model_type": "modernbert",
        "vocab_size": config.vocab_size,
        "hidden_size": config.width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "intermediate_size": config.intermediate_width,
        "hidden_activation": "relu" if squared(config) else TO_THEM[config.activation],
        "max_position_embeddings": config.context,
        "norm_eps": config.norm_eps,
        "norm_bias": False,
        "attention_bias": False,
        "mlp_bias": False,
        "classifier_bias": False,
        "classifier_activation": TO_THEM[config.head_activation],
        "classifier_pooling": "cls" if config.pooling == "first" else "mean",
        "decoder_bias": config.output_bias,
        "global_attn_every_n_layers": config.global_every,
        "layer_types": [
            "sliding_attention" if config.window_of(layer) else "full_attention"
            for layer in range(config.layers)
        ],
        "local_attention": 2 * config.window or 128,
        "rope_parameters": {
            "full_attention": {"rope_type": "default", "rope_theta": config.rotary_base},
            "sliding_attention": {"rope_type": "default", "rope_theta": local},
        },
        "tie_word_embeddings": config.tied,
    }


def from_config(values: Mapping[str, Any], kind: str, labels: tuple[str, ...]) -> ModelConfig:
    """Our config of theirs.

    Raises:
        UserError: it asks for something that our backbone has not.
    """
    if values["classifier_pooling"] not in ("cls", "mean"):
        raise UserError(
            f"config.json: classifier_pooling must be cls or mean, got {shown(values['classifier_pooling'])}"
        )
    return family_config(
        "modernbert",
        kind=kind,
        labels=labels,
        vocab_size=values["vocab_size"],
        layers=values["num_hidden_layers"],
        width=values["hidden_size"],
        heads=values["num_attention_heads"],
        intermediate=values["intermediate_size"],
        activation=activation(values["hidden_activation"]),
        head_activation=activation(values["classifier_activation"]),
        context=values["max_position_embeddings"],
        norm_eps=values["norm_eps"],
        rotary_base=_base(values, "full_attention", "global_rope_theta"),
        local_rotary_base=_base(values, "sliding_attention", "local_rope_theta"),
        window=values["local_attention"] // 2,
        global_every=_global_every(values),
        output_bias=values["decoder_bias"],
        pooling="first" if values["classifier_pooling"] == "cls" else "mean",
        tied=values["tie_word_embeddings"],
    )


def _base(values: Mapping[str, Any], kind: str, old: str) -> float:
    by_kind = values["rope_parameters"] or {}
    own = by_kind.get(kind) or {}
    if not isinstance(own, dict) or not set(by_kind) <= {"full_attention", "sliding_attention"}:
        raise UserError(
            "config.json: rope_parameters must hold an object for full_attention and one for "
            f"sliding_attention, got {shown(by_kind)}"
        )
    return rotary_base({**own, **(values["rope_scaling"] or {})}, values[old], f"rope_parameters.{kind}")


def _global_every(values: Mapping[str, Any]) -> int:
    """Every so-manyth layer attends everywhere."""
    types = values["layer_types"]
    if types is None:
        return int(values["global_attn_every_n_layers"])
    if len(types) != values["num_hidden_layers"] or not all(
        kind in ("full_attention", "sliding_attention") for kind in types
    ):
        raise UserError(
            "config.json: layer_types must name full_attention or sliding_attention for each of "
            f"{values['num_hidden_layers']} layers"
        )
    full = [layer for layer, kind in enumerate(types) if kind == "full_attention"]
    every = full[1] if len(full) > 1 else len(types)
    if full != list(range(0, len(types), every)):
        raise UserError("config.json: layer_types must repeat evenly from a full_attention layer on")
    return every


def entries(config: ModelConfig) -> Layout:
    """Our tensors in theirs."""
    theirs = "" if config.kind == "features" else "model."
    yield same("backbone.embeddings.token.weight", f"{theirs}embeddings.tok_embeddings.weight")
    yield same("backbone.embeddings.norm.weight", f"{theirs}embeddings.norm.weight")
    for layer in range(config.layers):
        us, them = f"backbone.encoder.blocks.{layer}", f"{theirs}layers.{layer}"
        yield same(f"{us}.attention.query_key_value.weight", f"{them}.attn.Wqkv.weight")
        yield same(f"{us}.attention.output.weight", f"{them}.attn.Wo.weight")
        if layer:
            yield same(f"{us}.attention_norm.weight", f"{them}.attn_norm.weight")
        yield same(f"{us}.feed_forward_norm.weight", f"{them}.mlp_norm.weight")
        if squared(config):  # relu(x) * x: the same rows once as the gate and once as the value
            yield Entry(
                f"{us}.feed_forward.input.weight",
                (f"{them}.mlp.Wi.weight",),
                lambda x: (x.repeat(2, 1),),
                lambda parts: parts[0][: len(parts[0]) // 2],
            )
        else:
            yield same(f"{us}.feed_forward.input.weight", f"{them}.mlp.Wi.weight")
        yield same(f"{us}.feed_forward.output.weight", f"{them}.mlp.Wo.weight")
    yield same("backbone.encoder.final_norm.weight", f"{theirs}final_norm.weight")
    if config.kind != "features":
        yield same("projection.dense.weight", "head.dense.weight")
        yield same("projection.norm.weight", "head.norm.weight")
    if config.kind == "masked-lm":
        if config.output_bias:
            yield same("output_bias", "decoder.bias")
        if not config.tied:
            yield same("output.weight", OUTPUT)
    if config.kind in (*CLASSIFIERS, "span-extractor"):
        yield from with_bias(same, "classifier", "classifier")
