"""Tiny models of the published classes, with random weights everywhere."""

from typing import Any

import torch
import transformers
from torch import Tensor

from tokenmill.model.heads import Model

SHAPE: dict[str, dict[str, Any]] = {
    "bert": dict(
        vocab_size=97, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
        max_position_embeddings=40, num_labels=3,
    ),
    "gpt2": dict(vocab_size=97, n_positions=40, n_embd=32, n_layer=2, n_head=4, n_inner=48, num_labels=3),
    "opt": dict(
        vocab_size=97, max_position_embeddings=40, hidden_size=32, word_embed_proj_dim=32,
        num_hidden_layers=2, num_attention_heads=4, ffn_dim=48, num_labels=3,
    ),
    "t5": dict(
        vocab_size=97, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_decoder_layers=3, num_heads=4,
        relative_attention_max_distance=20, decoder_start_token_id=0,
    ),
    "llama": dict(
        vocab_size=97, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=48, max_position_embeddings=40, num_labels=3,
    ),
    "modernbert": dict(
        vocab_size=97, hidden_size=32, num_hidden_layers=4, num_attention_heads=4, intermediate_size=48,
        max_position_embeddings=40, local_attention=8, num_labels=3, classifier_pooling="mean",
    ),
}  # fmt: skip
SHAPE["qwen3"] = {**SHAPE["llama"], "head_dim": 12}

# Name of a case -> published class, and what its config adds to the shape.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "bert features": ("BertModel", {}),
    "bert": ("BertForMaskedLM", {}),
    "bert classifies texts": ("BertForSequenceClassification", {}),
    "bert classifies tokens": ("BertForTokenClassification", {}),
    "bert extracts spans": ("BertForQuestionAnswering", {"num_labels": 2}),
    "gpt2": ("GPT2LMHeadModel", {}),
    "gpt2 classifies texts": ("GPT2ForSequenceClassification", {}),
    "gpt2 classifies tokens": ("GPT2ForTokenClassification", {}),
    "opt features": ("OPTModel", {}),
    "opt": ("OPTForCausalLM", {}),
    "opt classifies texts": ("OPTForSequenceClassification", {}),
    "llama": ("LlamaForCausalLM", {}),
    "llama tied": ("LlamaForCausalLM", {"tie_word_embeddings": True}),
    "llama classifies texts": ("LlamaForSequenceClassification", {}),
    "qwen3": ("Qwen3ForCausalLM", {}),
    "qwen3 classifies tokens": ("Qwen3ForTokenClassification", {}),
    "modernbert features": ("ModernBertModel", {}),
    "modernbert": ("ModernBertForMaskedLM", {}),
    "modernbert classifies texts": ("ModernBertForSequenceClassification", {}),
    "modernbert classifies tokens": ("ModernBertForTokenClassification", {}),
    "modernbert extracts spans": ("ModernBertForQuestionAnswering", {"num_labels": 2}),
    "t5 1.0": ("T5ForConditionalGeneration", {}),
    "t5 1.1": (
        "T5ForConditionalGeneration", {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
    ),
}  # fmt: skip


def reference(case: str, seed: int) -> Any:
    """A model of the published class, in evaluation mode; norms, biases and output layers are random too."""
    name, changes = CASES[case]
    cls = getattr(transformers, name)
    model_type = cls.config_class.model_type
    config = cls.config_class(**{**SHAPE[model_type], **changes}, pad_token_id=0, attn_implementation="eager")
    torch.manual_seed(seed)
    model = cls(config)
    if changes.get("tie_word_embeddings") is False:
        model.lm_head = torch.nn.Linear(config.d_model, config.vocab_size, bias=False)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
        if model_type == "opt":  # rows that no token reads; we write them as zeros
            model.get_decoder().embed_positions.weight[:2] = 0
    return model.eval()


def rows(seed: int, batch: int, longest: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random ids (B, T) with padding 0 at the end, and where tokens stand."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(1, 97, (batch, longest), generator=generator)
    lengths = torch.randint(1, longest + 1, (batch,), generator=generator)
    lengths[0] = longest
    attention_mask = torch.arange(longest) < lengths[:, None]
    return tokens.masked_fill(~attention_mask, 0), attention_mask


def outputs(published: Any, model: Model, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Both models' outputs for rows of unequal length, and where they count."""
    tokens, attention_mask = rows(seed, batch=3 + seed, longest=9 + 7 * seed)
    if model.config.kind == "text-to-text":
        answer, answered = rows(seed + 50, batch=3 + seed, longest=11)
        theirs = published(
            input_ids=tokens,
            attention_mask=attention_mask.long(),
            decoder_input_ids=answer,
            decoder_attention_mask=answered.long(),
        ).logits
        ours = model(answer, answered, source_BS=tokens, source_attention_mask_BS=attention_mask)
        return theirs, ours, answered
    result = published(input_ids=tokens, attention_mask=attention_mask.long())
    if model.config.kind == "span-extractor":
        theirs = torch.stack((result.start_logits, result.end_logits), -1)
    else:
        theirs = result[0]
    return theirs, model(tokens, attention_mask), attention_mask
