"""The keys of published config.json and generation_config.json: what each may be, and what it means here.

A key is computed by, or is known to change no output, or is refused by name: a setting that is read over
would give another model than the folder's. Where a key is absent its class's own default holds.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from tokenmill.core.errors import UserError, shown

LONGEST = 2**20
"""Positions for which angles are tabled, in half as many numbers as a head is wide: 1,048,576, the longest
context that models of these architectures are published with (Qwen2.5-1M)."""


@dataclass(frozen=True)
class Setting:
    """What a key may be. ``wrong`` says of a value, and of the largest size of any tensor, what it must be
    instead; "" where it is right."""

    default: Any
    wrong: Callable[[Any, int], str]


def _whole(value: Any) -> bool:
    return type(value) is int


def size(default: int | None, *, optional: bool = False) -> Setting:
    """A size that some tensor has; null, where it may be that, says that it follows from others."""

    def wrong(value: Any, largest: int) -> str:
        if (value is None and (optional or default is None)) or (_whole(value) and 1 <= value <= largest):
            return ""
        return f"a whole number from 1 to {largest}, the largest size in the weights"

    return Setting(default, wrong)


def count(default: int, least: int = 1, most: int = 2**31 - 1) -> Setting:
    """A number that no tensor tells."""

    def wrong(value: Any, largest: int) -> str:
        return "" if _whole(value) and least <= value <= most else f"a whole number from {least} to {most}"

    return Setting(default, wrong)


def number(default: float) -> Setting:
    """A small number, such as an epsilon, that no tensor tells."""

    def wrong(value: Any, largest: int) -> str:
        good = type(value) in (int, float) and 0 <= value < 1e30 and isfinite(value)
        return "" if good else "a number of 0 or more"

    return Setting(default, wrong)


def flag(default: bool | None) -> Setting:
    """True or false."""
    return Setting(
        default, lambda value, _: "" if value is default or type(value) is bool else "true or false"
    )


def name(default: str | None) -> Setting:
    """A word; who reads it knows which ones there are."""
    return Setting(
        default, lambda value, _: "" if value is default or type(value) is str else "a word between quotes"
    )


def only(*allowed: Any) -> Setting:
    """What we compute for these values alone; the first is the class's default."""

    def wrong(value: Any, largest: int) -> str:
        same = any(value == other and type(value) in (type(other), int, float) for other in allowed)
        return "" if value is None or same else " or ".join(map(json.dumps, allowed))

    return Setting(allowed[0], wrong)


def table() -> Setting:
    """An object, or nothing; who reads it checks it."""
    return Setting(None, lambda value, _: "" if value is None or isinstance(value, dict) else "an object")


def listed() -> Setting:
    """A list, or nothing; who reads it checks it."""
    return Setting(None, lambda value, _: "" if value is None or isinstance(value, list) else "a list")


def _harmless(*names: str) -> dict[str, Setting]:
    return {each: Setting(None, lambda value, _: "") for each in names}


SUGGESTED = (
    "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "num_beams", "length_penalty",
)  # fmt: skip
"""Keys of generation_config.json that our functions take as arguments: who calls them decides, not a file."""

_GENERATION: dict[str, Setting] = {
    **_harmless(
        *SUGGESTED,
        "do_sample", "num_return_sequences", "max_length", "max_new_tokens", "early_stopping",
        # How the same tokens are computed, and what is returned beside them.
        "use_cache", "cache_implementation", "cache_config", "max_cache_len", "return_dict_in_generate",
        "output_attentions", "output_hidden_states", "output_scores", "output_logits", "low_memory",
        "max_time",
        "return_legacy_cache", "prefill_chunk_size", "compile_config", "disable_compile",
        "continuous_batching_config", "use_mtp", "remove_invalid_values",
        # Drafts by a smaller model: the text is the same.
        "is_assistant", "num_assistant_tokens", "num_assistant_tokens_schedule",
        "assistant_confidence_threshold",
        "prompt_lookup_num_tokens", "max_matching_ngram_size", "assistant_early_exit", "assistant_lookbehind",
        "target_lookbehind", "assistant_ensemble_weight", "speculation_type",
        # Who wrote it.
        "transformers_version", "_from_model_config", "generation_kwargs", "trust_remote_code", "chat_format",
        # Read with the tokenizer (tokenmill/text/vocabulary.py).
        "bos_token_id", "eos_token_id", "pad_token_id", "cls_token_id", "sep_token_id", "mask_token_id",
        "unk_token_id", "decoder_start_token_id", "suppress_tokens",
    ),
    "min_length": only(0), "min_new_tokens": only(0), "no_repeat_ngram_size": only(0),
    "encoder_no_repeat_ngram_size": only(0), "encoder_repetition_penalty": only(1.0), "typical_p": only(1.0),
    "epsilon_cutoff": only(0.0), "eta_cutoff": only(0.0), "diversity_penalty": only(0.0),
    "num_beam_groups": only(1), "guidance_scale": only(1.0), "renormalize_logits": only(False),
    "token_healing": only(False), "penalty_alpha": only(0.0), "begin_suppress_tokens": only([]),
    "bad_words_ids": only([]), "force_words_ids": only([]), "constraints": only([]), "stop_strings": only([]),
    "sequence_bias": only({}), "forced_bos_token_id": only(None), "forced_eos_token_id": only(None),
    "exponential_decay_length_penalty": only(None), "watermarking_config": only(None),
    "dola_layers": only(None),
    "top_h": only(None),
}  # fmt: skip

_COMMON: dict[str, Setting] = {
    **_harmless(
        *_GENERATION,  # the classes read these from generation_config.json alone
        # Read where they are needed: here, with the tokenizer, and in architectures.py.
        "architectures", "model_type", "tokenmill", "tokenizer_class", "id2label", "label2id", "num_labels",
        "_num_labels", "problem_type",
        # Who wrote it, with what, in which precision, for which other programs. No code is taken from it.
        "_name_or_path", "name_or_path", "_commit_hash", "dtype", "torch_dtype", "auto_map", "language",
        "finetuning_task", "task_specific_params", "transformers.js_config", "unsloth_version",
        "unsloth_fixed", "sentence_transformers", "model_max_length", "max_sequence_length",
        "prefix",
        # How the same numbers are computed, and which are returned.
        "return_dict", "use_return_dict", "torchscript", "use_bfloat16", "tf_legacy_loss", "output_past",
        "chunk_size_feed_forward", "gradient_checkpointing", "attn_implementation", "_attn_implementation",
        "_attn_implementation_internal", "_attn_implementation_autoset", "_experts_implementation",
        "_experts_implementation_internal", "use_flash_attention_2",
        # Training alone.
        "initializer_range", "initializer_factor", "initializer_cutoff_factor", "init_std",
        "classifier_dropout",
        "hidden_dropout_prob", "attention_probs_dropout_prob", "attention_dropout", "activation_dropout",
        "resid_pdrop", "embd_pdrop", "attn_pdrop", "dropout", "dropout_rate", "layerdrop",
        "embedding_dropout",
        "mlp_dropout",
    ),
    "is_encoder_decoder": only(False), "add_cross_attention": only(False), "tie_encoder_decoder": only(False),
    "cross_attention_hidden_size": only(None), "pruned_heads": only({}), "per_layer_config": only(None),
}  # fmt: skip

_GATED_DECODER: dict[str, Setting] = {
    "hidden_size": size(4096), "num_hidden_layers": size(32), "num_attention_heads": size(32),
    "rms_norm_eps": number(1e-6), "hidden_act": name("silu"), "rope_parameters": table(),
    "rope_scaling": table(), "rope_theta": number(10_000.0), "partial_rotary_factor": only(1.0),
    "tie_word_embeddings": flag(False), "attention_bias": only(False), "mlp_bias": only(False),
    "is_causal": flag(True),
    **_harmless("is_decoder", "pretraining_tp", "max_window_layers", "rope_interleaved"),
}  # fmt: skip

BY_MODEL_TYPE: Mapping[str, Mapping[str, Setting]] = {
    "bert": {
        "vocab_size": size(30522), "hidden_size": size(768), "num_hidden_layers": size(12),
        "num_attention_heads": size(12), "intermediate_size": size(3072), "hidden_act": name("gelu"),
        "max_position_embeddings": size(512), "type_vocab_size": size(2), "layer_norm_eps": number(1e-12),
        "tie_word_embeddings": flag(True), "is_decoder": only(False),
        "position_embedding_type": only("absolute"),
        # Of the pooler that BERT's authors had, which follows from other keys in the published class.
        **_harmless("directionality", "pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers",
                    "pooler_size_per_head", "pooler_type", "embedding_size"),
    },
    "gpt2": {
        "vocab_size": size(50257), "n_embd": size(768), "n_layer": size(12), "n_head": size(12),
        "n_positions": size(1024), "n_inner": size(None), "activation_function": name("gelu_new"),
        "layer_norm_epsilon": number(1e-5), "tie_word_embeddings": flag(True),
        "scale_attn_weights": only(True), "scale_attn_by_inverse_layer_idx": only(False),
        **_harmless("n_ctx", "is_decoder", "reorder_and_upcast_attn", "summary_type", "summary_use_proj",
                    "summary_activation", "summary_proj_to_labels", "summary_first_dropout"),
    },
    "opt": {
        "vocab_size": size(50272), "hidden_size": size(768), "num_hidden_layers": size(12),
        "num_attention_heads": size(12), "ffn_dim": size(3072), "max_position_embeddings": size(2048),
        "word_embed_proj_dim": size(768), "activation_function": name("relu"),
        "tie_word_embeddings": flag(True), "do_layer_norm_before": only(True), "enable_bias": only(True),
        "layer_norm_elementwise_affine": only(True), "_remove_final_layer_norm": only(False),
        **_harmless("is_decoder"),
    },
    "llama": {
        **_GATED_DECODER, "vocab_size": size(32000), "intermediate_size": size(11008),
        "num_key_value_heads": size(None), "head_dim": size(None),
        "max_position_embeddings": count(2048, most=LONGEST),
    },
    "qwen3": {
        **_GATED_DECODER, "vocab_size": size(151936), "intermediate_size": size(22016),
        "num_key_value_heads": size(32, optional=True), "head_dim": size(128),
        "max_position_embeddings": count(32768, most=LONGEST), "use_sliding_window": only(False),
        "layer_types": listed(), **_harmless("sliding_window"),
    },
    "modernbert": {
        "vocab_size": size(50368), "hidden_size": size(768), "intermediate_size": size(1152),
        "num_hidden_layers": size(22), "num_attention_heads": size(12), "hidden_activation": name("gelu"),
        "max_position_embeddings": count(8192, most=LONGEST), "norm_eps": number(1e-5),
        "norm_bias": only(False), "attention_bias": only(False), "mlp_bias": only(False),
        "classifier_bias": only(False), "decoder_bias": flag(True), "classifier_activation": name("gelu"),
        "classifier_pooling": name("cls"), "layer_types": listed(), "rope_parameters": table(),
        "rope_scaling": table(), "global_rope_theta": number(160_000.0), "local_rope_theta": number(10_000.0),
        "global_attn_every_n_layers": count(3), "local_attention": count(128, least=2),
        "tie_word_embeddings": flag(True), "is_decoder": only(False),
        **_harmless("deterministic_flash_attn", "reference_compile", "sparse_prediction",
                    "sparse_pred_ignore_index", "repad_logits_with_grad", "position_embedding_type",
                    "gradient_checkpointing", "layer_norm_eps"),
    },
    "t5": {
        "vocab_size": size(32128), "d_model": size(512), "d_kv": size(64), "d_ff": size(2048),
        "num_layers": size(6), "num_decoder_layers": size(None), "num_heads": size(8),
        "relative_attention_num_buckets": count(32, least=4), "relative_attention_max_distance": count(128),
        "layer_norm_epsilon": number(1e-6), "feed_forward_proj": name("relu"), "dense_act_fn": name(None),
        "is_gated_act": flag(None), "scale_decoder_outputs": flag(None), "tie_word_embeddings": flag(None),
        "n_positions": count(512), "is_encoder_decoder": only(True), "is_decoder": only(False),
    },
}  # fmt: skip
"""By model_type; shape, parts and defaults of each class."""

_ALIASES: Mapping[str, Mapping[str, str]] = {
    "gpt2": {
        "hidden_size": "n_embd", "max_position_embeddings": "n_positions", "num_attention_heads": "n_head",
        "num_hidden_layers": "n_layer",
    },
    "t5": {
        "hidden_size": "d_model", "num_attention_heads": "num_heads", "num_hidden_layers": "num_layers",
        "head_dim": "d_kv",
    },
}  # fmt: skip
"""Other names under which a class takes the same setting."""


def published_settings(values: Mapping[str, Any], model_type: str, largest: int) -> dict[str, Any]:
    """A config.json with the class's defaults in the place of what it leaves out.

    Args:
        values: the file's content.
        model_type: which class of config it is of.
        largest: of all dimensions of all tensors the largest: no size can be larger.

    Raises:
        UserError: a key is not known, or a value is not what the class computes with here.
    """
    if (quantised := values.get("quantization_config")) is not None:
        method = quantised.get("quant_method", "unknown") if isinstance(quantised, dict) else "unknown"
        raise UserError(
            f"config.json: quantization_config says that the weights are quantised "
            f"({shown(method, 30)}), which is not supported; take the model in float32, float16 or bfloat16"
        )
    known = {**_COMMON, **BY_MODEL_TYPE[model_type]}
    given = dict(values)
    for alias, key in _ALIASES.get(model_type, {}).items():
        if (value := given.pop(alias, None)) is not None and given.setdefault(key, value) != value:
            raise UserError(
                f"config.json: {alias} is {shown(value)} and {key}, which is the same, is "
                f"{shown(given[key])}; keep the right one"
            )
    check_known(given, known, "config.json", largest)
    return {key: given.get(key, setting.default) for key, setting in known.items()} | {
        "model_type": model_type
    }


def check_generation(values: Mapping[str, Any], where: str) -> None:
    """Refuse what a generation_config.json asks for and our generation does not do.

    Raises:
        UserError: a key is not known, or has a value with which other text would be written.
    """
    check_known(values, _GENERATION, where, 0)


def check_known(values: Mapping[str, Any], known: Mapping[str, Setting], where: str, largest: int) -> None:
    """Refuse keys that are not known, but for those that say nothing, and values that cannot be.

    Raises:
        UserError: as said.
    """
    for key, value in values.items():
        if key not in known and value is not None:
            raise UserError(
                f"{where}: {shown(key)} ({shown(value)}) is not known here, so what it changes would be left "
                "out; remove the key if the model is the same without it"
            )
        if key in known and (right := known[key].wrong(value, largest)):
            raise UserError(
                f"{where}: {key} must be {right}, got {shown(value)}; other values are not supported here"
            )
