"""ModernBERT, and our own encoder as one."""

from collections.abc import Mapping
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.model.config import ModelConfig
from tokenmill.model.families import family_config
from tokenmill.model.names import CLASSIFIERS
from tokenmill.model.published.activations import TO_THEM, activation
from tokenmill.model.published.layout import Entry, Layout, same, squared, with_bias

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

REPEATED: tuple[str, ...] = ()
"""What some files say twice, or what follows from the config."""


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
    for name in ("norm_bias", "attention_bias", "mlp_bias", "classifier_bias"):
        if values.get(name):
            raise UserError(f"config.json: {name} must be false; use a model without biases")
    rope = values.get("rope_parameters") or {}
    bases = {
        where: float(rope.get(where, {}).get("rope_theta") or values.get(old) or default)
        for where, old, default in (
            ("full_attention", "global_rope_theta", 160_000.0),
            ("sliding_attention", "local_rope_theta", 10_000.0),
        )
    }
    types = values.get("layer_types")
    every = values.get("global_attn_every_n_layers", 3)
    if types:
        full = [layer for layer, name in enumerate(types) if name == "full_attention"]
        every = full[1] if len(full) > 1 else len(types)
        if full != list(range(0, len(types), every)):
            raise UserError("config.json: layer_types must repeat evenly from a full_attention layer on")
    return family_config(
        "modernbert",
        kind=kind,
        labels=labels,
        vocab_size=values["vocab_size"],
        layers=values["num_hidden_layers"],
        width=values["hidden_size"],
        heads=values["num_attention_heads"],
        intermediate=values["intermediate_size"],
        activation=activation(values.get("hidden_activation", "gelu")),
        head_activation=activation(values.get("classifier_activation", "gelu")),
        context=values["max_position_embeddings"],
        norm_eps=values.get("norm_eps", 1e-5),
        rotary_base=bases["full_attention"],
        local_rotary_base=bases["sliding_attention"],
        window=values.get("local_attention", 128) // 2,
        global_every=every,
        output_bias=bool(values.get("decoder_bias", True)),
        pooling="first" if values.get("classifier_pooling", "cls") == "cls" else "mean",
        tied=bool(values.get("tie_word_embeddings", True)),
    )


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
