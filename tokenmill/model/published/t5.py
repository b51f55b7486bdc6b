"""T5 1.0 and 1.1, and our own text-to-text model as a T5."""

import re
from collections.abc import Mapping
from typing import Any

from tokenmill.core.errors import UserError, shown
from tokenmill.model.config import ModelConfig
from tokenmill.model.families import family_config
from tokenmill.model.published.activations import TO_THEM, activation
from tokenmill.model.published.layout import Layout, derived, fused, normalised, repeated, same, squared

_CLASSES = {"text-to-text": "T5ForConditionalGeneration"}
CLASSES = {"t5": _CLASSES, "t5-1.1": _CLASSES, "small-t5": _CLASSES}


OUTPUT = "lm_head.weight"
"""The output layer; it is stored only where it is not the embedding matrix."""

PREFIX = "transformer."
"""Before the backbone's tensors, in classes that have a head. Files may have it where their class has not, or
lack it."""

IGNORED = re.compile(r"^decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight$")
"""Stored tensors that the class itself passes over."""

COPIES: tuple[str, ...] = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
"""Other names of the embedding matrix."""


def to_config(config: ModelConfig) -> dict[str, Any]:
    """The published class's config of ours."""
    gated = config.gated or squared(config)
    name = "relu" if squared(config) else TO_THEM[config.activation].removesuffix("_new")
    return {
        "model_type": "t5",
        "vocab_size": config.vocab_size,
        "d_model": config.width,
        "d_kv": config.width_of_head,
        "d_ff": config.intermediate_width,
        "num_layers": config.layers,
        "num_decoder_layers": config.decoder_layers,
        "num_heads": config.heads,
        "relative_attention_num_buckets": config.relative_buckets,
        "relative_attention_max_distance": config.relative_distance,
        "layer_norm_epsilon": config.norm_eps,
        "feed_forward_proj": f"gated-{name}" if gated else name,
        # Says there whether hidden states are scaled before the output layer; what is tied, the tensors say.
        "tie_word_embeddings": config.output_scale != 1,
        "n_positions": config.context,
        "is_encoder_decoder": True,
    }


def from_config(values: Mapping[str, Any], kind: str, labels: tuple[str, ...]) -> ModelConfig:
    """Our config of theirs. T5 has no longest input; 512 tokens, its training length, are taken where none is
    named.

    Raises:
        UserError: it asks for something that our backbone has not.
    """
    projection = values["feed_forward_proj"]
    gated, name = projection.startswith("gated-"), projection.removeprefix("gated-")
    if gated and name == "gelu":
        name = "gelu_new"  # what "gated-gelu" has meant since T5 1.1
    for key, follows in (("is_gated_act", gated), ("dense_act_fn", name)):
        if values[key] is not None and values[key] != follows:
            raise UserError(
                f"config.json: {key} is {shown(values[key])}, but feed_forward_proj is {shown(projection)}; "
                "keep the right one"
            )
    # Since transformers 5 this, where nothing else does, says whether outputs are scaled, not what is tied.
    scaled = values["scale_decoder_outputs"]
    scaled = values["tie_word_embeddings"] is not False if scaled is None else scaled
    return family_config(
        "t5" if scaled else "t5-1.1",
        kind=kind,
        labels=labels,
        vocab_size=values["vocab_size"],
        layers=values["num_layers"],
        decoder_layers=values["num_decoder_layers"] or values["num_layers"],
        width=values["d_model"],
        heads=values["num_heads"],
        head_width=values["d_kv"],
        intermediate=values["d_ff"],
        context=values["n_positions"],
        activation=activation(name),
        gated=gated,
        norm_eps=values["layer_norm_epsilon"],
        relative_buckets=values["relative_attention_num_buckets"],
        relative_distance=values["relative_attention_max_distance"],
        tied=True,
    )


def entries(config: ModelConfig) -> Layout:
    """Our tensors in theirs."""
    embedding = "backbone.embeddings.token.weight"
    if config.embedding_norm == "plain":
        yield same(embedding, "lm_head.weight")
        yield derived(embedding, "shared.weight", normalised(config))
    else:
        yield same(embedding, "shared.weight")
        if not config.tied:
            yield same("output.weight", OUTPUT)
    for stack, layers in (("encoder", config.layers), ("decoder", config.decoder_layers)):
        yield same(
            f"backbone.{stack}.relative.table.weight",
            f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
        )
        for layer in range(layers):
            yield from _block(
                config, f"backbone.{stack}.blocks.{layer}", f"{stack}.block.{layer}.layer", stack
            )
        yield same(f"backbone.{stack}.final_norm.weight", f"{stack}.final_layer_norm.weight")


def _block(config: ModelConfig, us: str, them: str, stack: str) -> Layout:
    inner = config.heads * config.width_of_head
    own = [f"{them}.0.SelfAttention.{name}.weight" for name in ("q", "k", "v")]
    yield fused(f"{us}.attention.query_key_value.weight", own, [inner] * 3)
    yield same(f"{us}.attention.output.weight", f"{them}.0.SelfAttention.o.weight")
    yield same(f"{us}.attention_norm.weight", f"{them}.0.layer_norm.weight")
    if stack == "decoder":
        cross = f"{them}.1.EncDecAttention"
        yield same(f"{us}.cross_attention.query.weight", f"{cross}.q.weight")
        yield fused(
            f"{us}.cross_attention.key_value.weight", [f"{cross}.k.weight", f"{cross}.v.weight"], [inner] * 2
        )
        yield same(f"{us}.cross_attention.output.weight", f"{cross}.o.weight")
        yield same(f"{us}.cross_norm.weight", f"{them}.1.layer_norm.weight")
    feed = f"{them}.{2 if stack == 'decoder' else 1}"
    both = [f"{feed}.DenseReluDense.wi_0.weight", f"{feed}.DenseReluDense.wi_1.weight"]
    if squared(config):
        yield repeated(f"{us}.feed_forward.input.weight", both)
    elif config.gated:
        yield fused(f"{us}.feed_forward.input.weight", both, [config.intermediate_width] * 2)
    else:
        yield same(f"{us}.feed_forward.input.weight", f"{feed}.DenseReluDense.wi.weight")
    yield same(f"{us}.feed_forward.output.weight", f"{feed}.DenseReluDense.wo.weight")
    yield same(f"{us}.feed_forward_norm.weight", f"{feed}.layer_norm.weight")
