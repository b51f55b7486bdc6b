"""One side of the training comparison, in a process of its own: ``python -m benchmarks.train_run SIDE SETTINGS``.

SETTINGS is a JSON object, see :class:`Settings`. Every side trains a model of the same shape on the same tokens,
and is measured at the same points in one way; the seconds that measuring takes are not counted. The last line
printed is a JSON object: ``start`` (seconds from the process's beginning to its first step), ``step`` (median
seconds a step), and ``curve`` (steps, tokens, seconds and validation loss in nats a target).
"""

import json
import os
import runpy
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

BEGAN = time.perf_counter()
SHAPE = {"layers": 4, "width": 256, "heads": 4, "context": 256}
VALIDATION_TOKENS = 1 << 14


@dataclass(frozen=True)
class Settings:
    """What to train, and how long."""

    tokens: str
    """Folder of token shards with their tokenizer, such as data/tokens."""
    objective: str
    """causal, masked or span-corruption."""
    steps: int
    rows: int
    """Rows of the context in one step."""
    points: int
    """How often validation is measured."""
    threads: int
    learning_rate: float
    nanogpt: str = ""
    """Folder of a clone of nanoGPT."""


class Corpus:
    """The token streams, and the objective that turns their rows into batches."""

    def __init__(self, settings: Settings) -> None:
        from lm.batches import new_objective
        from lm.text.tokenizer import load_tokenizer
        from stages.shards import open_split, read_manifest

        folder = Path(settings.tokens)
        validation = open_split(folder, "validation")
        self.train = open_split(folder, "train").stream()
        self.validation = validation.sample(VALIDATION_TOKENS)
        self.bytes_per_token = validation.bytes_per_text_token
        self.vocab_size = read_manifest(folder)["vocab_size"]
        share = 0.15 if settings.objective == "span-corruption" else 0.25
        self.objective = new_objective(
            settings.objective,  # type: ignore[arg-type]
            share=share,
            units="tokens",
            mean_span=3.0,
            tokenizer=load_tokenizer(folder),
        )

    def loss(self, logits_of: Callable[[Any], Any], row_tokens: int) -> float:
        """Mean nats a text target over the validation rows; ``logits_of`` takes a batch and gives (B, T, V)."""
        import torch

        from lm.text.tokenizer import FIRST_TEXT_ID

        stride = row_tokens - (self.objective.name == "causal")
        starts = range(0, len(self.validation) - row_tokens + 1, stride)
        rows = torch.stack(
            [torch.from_numpy(self.validation[s : s + row_tokens].astype("int64")) for s in starts]
        )
        nats, count = 0.0, 0
        with torch.inference_mode():
            for index, some in enumerate(rows.split(16)):
                batch = self.objective.batch(
                    some, vocab_size=self.vocab_size, generator=torch.Generator().manual_seed(index)
                )
                text = batch.targets_BT >= FIRST_TEXT_ID
                logits = logits_of(batch)[text].float()
                nats += float(
                    torch.nn.functional.cross_entropy(logits, batch.targets_BT[text], reduction="sum")
                )
                count += int(text.sum())
        return nats / count


@dataclass
class Meter:
    """Times the steps, and stops its clock while validation is measured."""

    settings: Settings
    corpus: Corpus
    curve: list[dict[str, float]] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    start: float = 0.0

    def __post_init__(self) -> None:
        count, points = self.settings.steps, self.settings.points
        self.at = {round(count * part / points) for part in range(1, points + 1)}

    def begin(self) -> None:
        """The first step begins."""
        self.start = time.perf_counter() - BEGAN
        self.mark = time.perf_counter()

    def step(self, number: int, measure: Callable[[], float]) -> None:
        """Step ``number`` (from 1 on) has ended; ``measure`` gives the validation loss."""
        self.steps.append(time.perf_counter() - self.mark)
        if number in self.at:
            tokens = number * self.settings.rows * SHAPE["context"]
            point = {"step": number, "tokens": tokens, "seconds": sum(self.steps), "loss": measure()}
            self.curve.append(point)
            print(json.dumps(point), file=sys.stderr, flush=True)
        self.mark = time.perf_counter()

    def report(self) -> dict[str, Any]:
        """What the process prints."""
        return {
            "settings": asdict(self.settings),
            "start": self.start,
            "step": statistics.median(self.steps[3:] or self.steps),
            "bytes_per_token": self.corpus.bytes_per_token,
            "curve": self.curve,
        }


def ours(settings: Settings) -> dict[str, Any]:
    """Tokenmill's own trainer, Lightning and all, as the pretrain stage runs it."""
    import torch

    from lm.model.families import family_config
    from lm.model.heads import build_model
    from lm.names import KIND_OF
    from lm.training.fit import fit
    from lm.training.language import LanguageModelling
    from lm.training.loop import Runtime
    from lm.training.task import Schedule

    corpus = Corpus(settings)
    meter = Meter(settings, corpus)
    family = {"causal-lm": "small-gpt", "masked-lm": "small-bert", "text-to-text": "small-t5"}
    kind = KIND_OF[corpus.objective.name]
    torch.manual_seed(1)
    model: Any = build_model(family_config(family[kind], vocab_size=corpus.vocab_size, **SHAPE))  # type: ignore[arg-type]

    def logits_of(batch: Any) -> Any:
        return model(batch.inputs_BT, source_BS=batch.source_BS)

    class Measured(LanguageModelling):
        """Tells the meter of every step."""

        def on_train_start(self) -> None:
            meter.begin()

        def on_train_batch_end(self, *_: Any) -> None:
            def measure() -> float:
                model.eval()
                loss = corpus.loss(logits_of, corpus.objective.row_tokens(model.config))
                model.train()
                return loss

            meter.step(self.trainer.global_step, measure)

        def validate(self) -> dict[str, float]:
            return {}

    task = Measured(
        model,
        Schedule(settings.steps, settings.learning_rate, seed=1),
        objective=corpus.objective,
        train=corpus.train,
        validation=corpus.validation,
        bytes_per_token=corpus.bytes_per_token,
        batch_rows=settings.rows,
    )
    with tempfile.TemporaryDirectory() as folder:
        runtime = Runtime(threads=settings.threads, checkpoint_every_seconds=30, log_every_steps=10)
        checkpoint = Path(folder) / "last.ckpt"
        fit(task, checkpoint=checkpoint, runtime=runtime, log=lambda *_: None, validations=1, name="ours")
    return meter.report()


def nanogpt(settings: Settings) -> dict[str, Any]:
    """nanoGPT's train.py as published, with the settings that its README gives for a CPU.

    The loop sets the model to training when it begins, and clears the gradients after each step: there the
    meter stands.
    """
    import numpy as np
    import torch

    corpus = Corpus(settings)
    meter = Meter(settings, corpus)
    clone = Path(settings.nanogpt).resolve()
    sys.path.insert(0, str(clone))
    from model import GPT

    torch.set_num_threads(settings.threads)
    train, configure, done, begun = GPT.train, GPT.configure_optimizers, 0, False

    def logits_of(model: Any) -> Callable[[Any], Any]:
        return lambda batch: model(batch.inputs_BT, batch.targets_BT.contiguous())[0]

    def after_first_estimate(model: Any, mode: bool = True) -> Any:
        nonlocal begun
        train(model, mode)
        if mode and done == 0 and not begun and hasattr(model, "configured"):
            begun = True
            meter.begin()
        return model

    def with_meter(model: Any, *arguments: Any) -> Any:
        optimizer = configure(model, *arguments)
        clear, model.configured = optimizer.zero_grad, True

        def after_step(**options: Any) -> None:
            nonlocal done
            clear(**options)
            done += 1

            def measure() -> float:
                model.eval()
                loss = corpus.loss(logits_of(model), SHAPE["context"] + 1)
                model.train()
                return loss

            meter.step(done, measure)

        optimizer.zero_grad = after_step
        return optimizer

    GPT.train, GPT.configure_optimizers = after_first_estimate, with_meter
    options = {
        "dataset": "tokens", "device": "cpu", "dtype": "float32", "compile": False, "eval_interval": 10**9, "eval_iters": 1,
        "gradient_accumulation_steps": 1, "batch_size": settings.rows, "block_size": SHAPE["context"],
        "n_layer": SHAPE["layers"], "n_head": SHAPE["heads"], "n_embd": SHAPE["width"], "dropout": 0.0,
        "learning_rate": settings.learning_rate, "min_lr": settings.learning_rate / 10, "beta2": 0.99,
        "warmup_iters": 100, "max_iters": settings.steps - 1, "lr_decay_iters": settings.steps,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "data/tokens")
        data.mkdir(parents=True)
        corpus.train.astype(np.uint16).tofile(data / "train.bin")
        corpus.validation.astype(np.uint16).tofile(data / "val.bin")
        import pickle

        (data / "meta.pkl").write_bytes(pickle.dumps({"vocab_size": corpus.vocab_size}))
        Path(folder, "configurator.py").symlink_to(clone / "configurator.py")
        os.chdir(folder)
        sys.argv = ["train.py", *(f"--{key}={value}" for key, value in options.items())]
        runpy.run_path(str(clone / "train.py"), run_name="__main__")
    return meter.report()


def trainer(settings: Settings) -> dict[str, Any]:
    """``transformers``' Trainer with the published class of each kind, AdamW and a cosine schedule."""
    import torch
    import transformers
    from transformers import Trainer, TrainerCallback, TrainingArguments

    corpus = Corpus(settings)
    meter = Meter(settings, corpus)
    torch.set_num_threads(settings.threads)
    transformers.set_seed(1)
    width, layers, heads = SHAPE["width"], SHAPE["layers"], SHAPE["heads"]
    model: Any
    if settings.objective == "causal":
        model = transformers.GPT2LMHeadModel(
            transformers.GPT2Config(
                vocab_size=corpus.vocab_size, n_positions=SHAPE["context"], n_embd=width, n_layer=layers,
                n_head=heads, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
            )
        )  # fmt: skip
    elif settings.objective == "masked":
        model = transformers.BertForMaskedLM(
            transformers.BertConfig(
                vocab_size=corpus.vocab_size, max_position_embeddings=SHAPE["context"], hidden_size=width,
                num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=4 * width,
                hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
            )
        )  # fmt: skip
    else:
        model = transformers.T5ForConditionalGeneration(
            transformers.T5Config(
                vocab_size=corpus.vocab_size, d_model=width, d_kv=width // heads, d_ff=4 * width,
                num_layers=layers, num_heads=heads, dropout_rate=0.0, decoder_start_token_id=0,
            )
        )  # fmt: skip
    from lm.training.order import TokenRows

    length = corpus.objective.row_tokens(_context())
    rows = TokenRows(corpus.train, length, seed=1)

    class Rows(torch.utils.data.Dataset[dict[str, Any]]):
        """Single rows with their labels."""

        def __len__(self) -> int:
            return settings.steps * settings.rows

        def __getitem__(self, index: int) -> dict[str, Any]:
            return _as_labels(
                corpus.objective.batch(
                    rows.batch(index, 1),
                    vocab_size=corpus.vocab_size,
                    generator=torch.Generator().manual_seed(index),
                ),
                row=True,
            )

    def logits_of(batch: Any) -> Any:
        return model(
            **{k: v for k, v in _as_labels(batch).items() if k != "labels"}, **_decoder(batch)
        ).logits

    class Measure(TrainerCallback):
        """Tells the meter of every step."""

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            meter.begin()

        def on_step_end(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
            def measure() -> float:
                model.eval()
                loss = corpus.loss(logits_of, length)
                model.train()
                return loss

            meter.step(state.global_step, measure)

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, max_steps=settings.steps, per_device_train_batch_size=settings.rows,
            learning_rate=settings.learning_rate, lr_scheduler_type="cosine", warmup_steps=min(100, settings.steps // 3),
            weight_decay=0.1, adam_beta2=0.99, use_cpu=True, report_to=[], save_strategy="no",
            logging_strategy="no", seed=1, disable_tqdm=True,
        )  # fmt: skip
        Trainer(model=model, args=arguments, train_dataset=Rows(), callbacks=[Measure()]).train()
    return meter.report()


def _context() -> Any:
    """What :meth:`lm.batches.Objective.row_tokens` wants to know of a model."""
    from lm.model.families import family_config

    return family_config("small-gpt", vocab_size=320, **SHAPE)


def _as_labels(batch: Any, row: bool = False) -> dict[str, Any]:
    """A batch with the names of ``transformers``; its causal models move the labels on by themselves."""
    import torch

    if batch.source_BS is not None:
        named = {"input_ids": batch.source_BS, "labels": batch.targets_BT}
    else:
        named = {"input_ids": batch.inputs_BT, "labels": batch.targets_BT}
        if torch.equal(batch.inputs_BT[:, 1:], batch.targets_BT[:, :-1]):
            named["labels"] = batch.inputs_BT
    return {name: value[0] for name, value in named.items()} if row else named


def _decoder(batch: Any) -> dict[str, Any]:
    return {} if batch.source_BS is None else {"decoder_input_ids": batch.inputs_BT}


SIDES = {"ours": ours, "nanogpt": nanogpt, "trainer": trainer}


def main() -> None:
    """Train one side."""
    print(json.dumps(SIDES[sys.argv[1]](Settings(**json.loads(sys.argv[2])))))


if __name__ == "__main__":
    main()
