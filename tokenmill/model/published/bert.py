"""BERT."""

import re
from collections.abc import Mapping
from typing import Any

from tokenmill.model.config import ModelConfig
from tokenmill.model.families import family_config
from tokenmill.model.names import CLASSIFIERS
from tokenmill.model.published.activations import TO_THEM, activation
from tokenmill.model.published.layout import Layout, fused, repeated, same, with_bias

CLASSES = {
    "bert": {
        "features": "BertModel",
        "masked-lm": "BertForMaskedLM",
        "sequence-classifier": "BertForSequenceClassification",
        "token-classifier": "BertForTokenClassification",
        "span-extractor": "BertForQuestionAnswering",
    }
}


OUTPUT = "cls.predictions.decoder.weight"
"""The output layer; it is stored only where it is not the embedding matrix."""

PREFIX = "bert."
"""Before the backbone's tensors, in classes that have a head. Files may have it where their class has not, or
lack it."""

IGNORED = re.compile(r"(^|\.)embeddings\.position_ids$")
"""Stored tensors that follow from the config."""

PREFERRED = {"cls.predictions.bias": "cls.predictions.decoder.bias"}
"""The second is added to the outputs; the first is the same where the output layer is tied."""


def to_config(config: ModelConfig) -> dict[str, Any]:
    """The published class's config of ours."""
    return {
        "model_type": "bert",
        "vocab_size": config.vocab_size,
        "hidden_size": config.width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "intermediate_size": config.intermediate_width,
        "hidden_act": TO_THEM[config.activation],
        "max_position_embeddings": config.context,
        "type_vocab_size": config.segments,
        "layer_norm_eps": config.norm_eps,
        "tie_word_embeddings": config.tied,
    }


def from_config(values: Mapping[str, Any], kind: str, labels: tuple[str, ...]) -> ModelConfig:
    """Our config of theirs.

    Raises:
        UserError: it asks for something that our backbone has not.
    """
    return family_config(
        "bert",
        kind=kind,
        labels=labels,
        vocab_size=values["vocab_size"],
        layers=values["num_hidden_layers"],
        width=values["hidden_size"],
        heads=values["num_attention_heads"],
        intermediate=values["intermediate_size"],
        activation=activation(values["hidden_act"]),
        head_activation=activation(values["hidden_act"]),
        context=values["max_position_embeddings"],
        segments=values["type_vocab_size"],
        norm_eps=values["layer_norm_eps"],
        tied=values["tie_word_embeddings"],
    )


def entries(config: ModelConfig) -> Layout:
    """Our tensors in theirs."""
    theirs = "" if config.kind == "features" else "bert."
    yield same("backbone.embeddings.token.weight", f"{theirs}embeddings.word_embeddings.weight")
    yield same("backbone.embeddings.position.weight", f"{theirs}embeddings.position_embeddings.weight")
    yield same("backbone.embeddings.segment.weight", f"{theirs}embeddings.token_type_embeddings.weight")
    yield from with_bias(same, "backbone.embeddings.norm", f"{theirs}embeddings.LayerNorm")
    for layer in range(config.layers):
        us, them = f"backbone.encoder.blocks.{layer}", f"{theirs}encoder.layer.{layer}"
        projections = [f"{them}.attention.self.{name}" for name in ("query", "key", "value")]
        yield from _fused_with_bias(f"{us}.attention.query_key_value", projections, config.width)
        yield from with_bias(same, f"{us}.attention.output", f"{them}.attention.output.dense")
        yield from with_bias(same, f"{us}.attention_norm", f"{them}.attention.output.LayerNorm")
        yield from with_bias(same, f"{us}.feed_forward.input", f"{them}.intermediate.dense")
        yield from with_bias(same, f"{us}.feed_forward.output", f"{them}.output.dense")
        yield from with_bias(same, f"{us}.feed_forward_norm", f"{them}.output.LayerNorm")
    if config.kind == "masked-lm":
        yield from with_bias(same, "projection.dense", "cls.predictions.transform.dense")
        yield from with_bias(same, "projection.norm", "cls.predictions.transform.LayerNorm")
        if config.tied:
            yield same("output_bias", "cls.predictions.bias")
        else:
            yield repeated("output_bias", ["cls.predictions.bias", "cls.predictions.decoder.bias"])
            yield same("output.weight", OUTPUT)
    if config.kind == "sequence-classifier" or config.pooler:
        yield from with_bias(same, "pooler", f"{theirs}pooler.dense")
    if config.kind in CLASSIFIERS:
        yield from with_bias(same, "classifier", "classifier")
    if config.kind == "span-extractor":
        yield from with_bias(same, "classifier", "qa_outputs")


def _fused_with_bias(ours: str, theirs: list[str], width: int) -> Layout:
    for part in ("weight", "bias"):
        yield fused(f"{ours}.{part}", [f"{name}.{part}" for name in theirs], [width] * len(theirs))
