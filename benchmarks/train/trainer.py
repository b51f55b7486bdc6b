"""``transformers``' Trainer with the published class of each kind, AdamW and a cosine schedule."""

import tempfile
from typing import Any

from benchmarks.train import corpus as texts
from benchmarks.train.meter import Meter
from benchmarks.train.settings import Settings


def train(settings: Settings) -> dict[str, Any]:
    """Train GPT-2, BERT or T5 of the settings' shape from random weights; needs ``accelerate``."""
    import torch
    import transformers
    from transformers import Trainer, TrainerCallback, TrainingArguments

    from tokenmill.training.order import TokenRows

    corpus = texts.load(settings)
    meter = Meter(settings, corpus)
    torch.set_num_threads(settings.threads)
    transformers.set_seed(1)
    model = published(settings, corpus.vocab_size)
    stream = TokenRows(corpus.train, corpus.row_tokens, seed=1)

    class Rows(torch.utils.data.Dataset[dict[str, Any]]):
        """Single rows with their labels."""

        def __len__(self) -> int:
            return settings.steps * settings.rows

        def __getitem__(self, index: int) -> dict[str, Any]:
            batch = corpus.batch(stream.batch(index, 1), index)
            if batch.source_BS is not None:
                return {"input_ids": batch.source_BS[0], "labels": batch.labels_BT[0]}
            # A causal model of theirs moves the labels on by itself.
            labels = batch.inputs_BT if settings.objective == "causal" else batch.labels_BT
            return {"input_ids": batch.inputs_BT[0], "labels": labels[0]}

    def logits_of(batch: Any) -> Any:
        if batch.source_BS is None:
            return model(input_ids=batch.inputs_BT).logits
        return model(input_ids=batch.source_BS, decoder_input_ids=batch.inputs_BT).logits

    class Measure(TrainerCallback):
        """Tells the meter of every step."""

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            meter.begin(lambda: corpus.score(model, logits_of))

        def on_step_end(self, *_: Any, **__: Any) -> None:
            meter.step(lambda: corpus.score(model, logits_of))

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, max_steps=settings.steps,
            per_device_train_batch_size=settings.rows // settings.parts,
            gradient_accumulation_steps=settings.parts, learning_rate=settings.learning_rate,
            lr_scheduler_type="cosine", warmup_steps=settings.warm_up, weight_decay=0.1, adam_beta2=0.99,
            use_cpu=settings.device == "cpu", report_to=[],
            bf16=settings.device == "cuda" or settings.precision == "bfloat16",
            save_strategy="no", logging_strategy="no", seed=1, disable_tqdm=True,
        )  # fmt: skip
        Trainer(model=model, args=arguments, train_dataset=Rows(), callbacks=[Measure()]).train()
    return meter.report()


def published(settings: Settings, vocab_size: int) -> Any:
    """A freshly initialised model of ``transformers`` without dropout."""
    import transformers

    width, layers, heads, context = (settings.shape[name] for name in ("width", "layers", "heads", "context"))
    if settings.objective == "causal":
        return transformers.GPT2LMHeadModel(
            transformers.GPT2Config(
                vocab_size=vocab_size, n_positions=context, n_embd=width, n_layer=layers, n_head=heads,
                resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
            )
        )  # fmt: skip
    if settings.objective == "masked":
        return transformers.BertForMaskedLM(
            transformers.BertConfig(
                vocab_size=vocab_size, max_position_embeddings=context, hidden_size=width,
                num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=4 * width,
                hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
            )
        )  # fmt: skip
    return transformers.T5ForConditionalGeneration(
        transformers.T5Config(
            vocab_size=vocab_size, d_model=width, d_kv=width // heads, d_ff=4 * width, num_layers=layers,
            num_heads=heads, dropout_rate=0.0, decoder_start_token_id=0,
        )
    )  # fmt: skip
