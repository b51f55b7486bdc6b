"""BERT."""

from collections.abc import Mapping
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.model.config import ModelConfig
from tokenmill.model.families import family_config
from tokenmill.model.names import CLASSIFIERS
from tokenmill.model.published.activations import TO_THEM, activation
from tokenmill.model.published.layout import Layout, fused, same, with_bias

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

REPEATED: tuple[str, ...] = (
    "cls.predictions.decoder.bias",
    "bert.embeddings.position_ids",
    "embeddings.position_ids",
)
"""What some files say twice, or what follows from the config."""


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
    if values.get("position_embedding_type", "absolute") != "absolute" or values.get("is_decoder"):
        raise UserError(
            "config.json: position_embedding_type must be absolute and is_decoder false; use a plain BERT"
        )
    return family_config(
        "bert",
        kind=kind,
        labels=labels,
        vocab_size=values["vocab_size"],
        layers=values["num_hidden_layers"],
        width=values["hidden_size"],
        heads=values["num_attention_heads"],
        intermediate=values["intermediate_size"],
        activation=activation(values.get("hidden_act", "gelu")),
        head_activation=activation(values.get("hidden_act", "gelu")),
        context=values["max_position_embeddings"],
        segments=values.get("type_vocab_size", 2),
        norm_eps=values.get("layer_norm_eps", 1e-12),
        tied=bool(values.get("tie_word_embeddings", True)),
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
        yield same("output_bias", "cls.predictions.bias")
        if not config.tied:
            yield same("output.weight", OUTPUT)
    if config.kind == "sequence-classifier":
        yield from with_bias(same, "pooler", "bert.pooler.dense")
    if config.kind in CLASSIFIERS:
        yield from with_bias(same, "classifier", "classifier")
    if config.kind == "span-extractor":
        yield from with_bias(same, "classifier", "qa_outputs")


def _fused_with_bias(ours: str, theirs: list[str], width: int) -> Layout:
    for part in ("weight", "bias"):
        yield fused(f"{ours}.{part}", [f"{name}.{part}" for name in theirs], [width] * len(theirs))
