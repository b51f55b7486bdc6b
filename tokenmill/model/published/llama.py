"""Llama and Qwen3, and our own decoder as a Qwen3."""

import re
from collections.abc import Mapping
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.model.config import ModelConfig
from tokenmill.model.families import family_config
from tokenmill.model.names import Family
from tokenmill.model.published.activations import TO_THEM, activation
from tokenmill.model.published.layout import (
    Layout,
    derived,
    fused,
    normalised,
    repeated,
    same,
    squared,
    with_bias,
)
from tokenmill.model.published.rope import rotary_base

CLASSES = {
    "llama": {
        "features": "LlamaModel",
        "causal-lm": "LlamaForCausalLM",
        "sequence-classifier": "LlamaForSequenceClassification",
        "token-classifier": "LlamaForTokenClassification",
    },
    "small-gpt": {
        "causal-lm": "Qwen3ForCausalLM",
        "sequence-classifier": "Qwen3ForSequenceClassification",
    },
    "qwen3": {
        "features": "Qwen3Model",
        "causal-lm": "Qwen3ForCausalLM",
        "sequence-classifier": "Qwen3ForSequenceClassification",
        "token-classifier": "Qwen3ForTokenClassification",
    },
}


OUTPUT = "lm_head.weight"
"""The output layer; it is stored only where it is not the embedding matrix."""

PREFIX = "model."
"""Before the backbone's tensors, in classes that have a head. Files may have it where their class has not, or
lack it."""

IGNORED = re.compile(r"(^|\.)rotary_emb\.inv_freq$")
"""Stored tensors that follow from the config."""


def model_type(config: ModelConfig) -> str:
    """Which of the two classes holds a config."""
    return "qwen3" if config.query_key_norm else "llama"


def to_config(config: ModelConfig) -> dict[str, Any]:
    """The published class's config of ours."""
    return {
        "model_type": model_type(config),
        "vocab_size": config.vocab_size,
        "hidden_size": config.width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.groups,
        "head_dim": config.width_of_head,
        "intermediate_size": config.intermediate_width,
        "hidden_act": "relu" if squared(config) else TO_THEM[config.activation],
        "max_position_embeddings": config.context,
        "rms_norm_eps": config.norm_eps,
        "rope_theta": config.rotary_base,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rotary_base},
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": config.tied and config.embedding_norm == "none",
        # Of a task's backbone that sees both ways; transformers 5 computes by it.
        **({} if config.causal else {"is_causal": False}),
    }


def from_config(values: Mapping[str, Any], kind: str, labels: tuple[str, ...]) -> ModelConfig:
    """Our config of theirs.

    Raises:
        UserError: it asks for something that our backbone has not.
    """
    family: Family = "qwen3" if values["model_type"] == "qwen3" else "llama"
    if any(name != "full_attention" for name in values.get("layer_types") or ()):
        raise UserError("config.json: layer_types must be full_attention all; use a model with that")
    rope = "rope_scaling" if values["rope_scaling"] else "rope_parameters"
    heads = values["num_attention_heads"]
    return family_config(
        family,
        kind=kind,
        labels=labels,
        vocab_size=values["vocab_size"],
        layers=values["num_hidden_layers"],
        width=values["hidden_size"],
        heads=heads,
        key_value_heads=values["num_key_value_heads"] or heads,
        head_width=values["head_dim"] or values["hidden_size"] // heads,
        intermediate=values["intermediate_size"],
        activation=activation(values["hidden_act"]),
        context=values["max_position_embeddings"],
        norm_eps=values["rms_norm_eps"],
        rotary_base=rotary_base(values[rope] or {}, values["rope_theta"], rope),
        tied=values["tie_word_embeddings"],
        causal=values["is_causal"],
    )


def entries(config: ModelConfig) -> Layout:
    """Our tensors in theirs."""
    ours = "backbone.decoder" if config.causal else "backbone.encoder"
    theirs = "" if config.kind == "features" else "model."
    head = config.width_of_head
    sizes = [config.heads * head, config.groups * head, config.groups * head]
    embedding = "backbone.embeddings.token.weight"
    if config.embedding_norm == "plain":
        # They have no norm there: the embeddings are stored normalised, and as they are for the output.
        yield same(embedding, "lm_head.weight")
        yield derived(embedding, f"{theirs}embed_tokens.weight", normalised(config))
    else:
        yield same(embedding, f"{theirs}embed_tokens.weight")
    for layer in range(config.layers):
        us, them = f"{ours}.blocks.{layer}", f"{theirs}layers.{layer}"
        projections = [f"{them}.self_attn.{name}_proj.weight" for name in ("q", "k", "v")]
        yield fused(f"{us}.attention.query_key_value.weight", projections, sizes)
        yield same(f"{us}.attention.output.weight", f"{them}.self_attn.o_proj.weight")
        if config.query_key_norm:
            yield same(f"{us}.attention.query_norm.weight", f"{them}.self_attn.q_norm.weight")
            yield same(f"{us}.attention.key_norm.weight", f"{them}.self_attn.k_norm.weight")
        gate_up = [f"{them}.mlp.gate_proj.weight", f"{them}.mlp.up_proj.weight"]
        if squared(config):
            yield repeated(f"{us}.feed_forward.input.weight", gate_up)
        else:
            yield fused(f"{us}.feed_forward.input.weight", gate_up, [config.intermediate_width] * 2)
        yield same(f"{us}.feed_forward.output.weight", f"{them}.mlp.down_proj.weight")
        yield same(f"{us}.attention_norm.weight", f"{them}.input_layernorm.weight")
        yield same(f"{us}.feed_forward_norm.weight", f"{them}.post_attention_layernorm.weight")
    yield same(f"{ours}.final_norm.weight", f"{theirs}norm.weight")
    if config.kind == "causal-lm" and not config.tied:
        yield same("output.weight", OUTPUT)
    if config.kind == "sequence-classifier":
        yield same("classifier.weight", "score.weight")
    if config.kind == "token-classifier":
        yield from with_bias(same, "classifier", "score")
