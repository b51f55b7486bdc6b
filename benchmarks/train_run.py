"""One side of the training comparison in a process of its own.

``python -m benchmarks.train_run SIDE SETTINGS``; SETTINGS is a JSON object, see :class:`Settings`. Every side
trains a model of the same shape on the same tokens, and is measured at the same points in one way, for which
its clock stands still. The last line printed is a JSON object: ``start`` (seconds from the beginning of the
process to the first step), ``step`` (median seconds a step), and ``curve`` (steps, tokens, seconds and
validation loss in nats a target).
"""

import json
import os
import pickle
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
MASK_SHARE = {"masked": 0.25, "span-corruption": 0.15, "causal": 0.15}


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
    start: str = "random"
    """Ours: random, or bigrams."""
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
        self.objective = new_objective(
            settings.objective,  # type: ignore[arg-type]
            share=MASK_SHARE[settings.objective],
            units="tokens",
            mean_span=3.0,
            apart=False,
            tokenizer=load_tokenizer(folder),
        )

    def batch(self, rows: Any, seed: int) -> Any:
        """Rows of the stream as a batch of the objective."""
        import torch

        chance = torch.Generator().manual_seed(seed)
        return self.objective.batch(rows, vocab_size=self.vocab_size, generator=chance)

    @property
    def row_tokens(self) -> int:
        """Tokens of the stream in one row."""
        from lm.model.families import family_config

        return self.objective.row_tokens(family_config("small-gpt", vocab_size=self.vocab_size, **SHAPE))

    def loss(self, model: Any, logits_of: Callable[[Any], Any]) -> float:
        """Mean nats a text target over the validation rows; ``logits_of`` makes (B, T, V) of a batch."""
        import torch

        from lm.text.tokenizer import FIRST_TEXT_ID

        stride = self.row_tokens - (self.objective.name == "causal")
        starts = range(0, len(self.validation) - self.row_tokens + 1, stride)
        tokens = torch.from_numpy(self.validation.astype("int64"))
        rows = torch.stack([tokens[start : start + self.row_tokens] for start in starts])
        nats, count = 0.0, 0
        model.eval()
        with torch.no_grad():
            for index, some in enumerate(rows.split(16)):
                batch = self.batch(some, index)
                text = batch.targets_BT >= FIRST_TEXT_ID
                logits, targets = logits_of(batch)[text], batch.targets_BT[text]
                nats += float(torch.nn.functional.cross_entropy(logits, targets, reduction="sum"))
                count += int(text.sum())
        model.train()
        return nats / count


@dataclass
class Meter:
    """Times the steps, and stops its clock while validation is measured."""

    settings: Settings
    corpus: Corpus
    curve: list[dict[str, float]] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    start: float = 0.0
    prepared: float = 0.0

    def __post_init__(self) -> None:
        count, points = self.settings.steps, self.settings.points
        self.at = {round(count * part / points) for part in range(1, points + 1)}

    def begin(self, measure: Callable[[], float], prepared: float = 0.0) -> None:
        """The first step begins; ``prepared``: seconds of work on the weights before it, which count."""
        self.start, self.prepared = self.start or time.perf_counter() - BEGAN, prepared
        self._point(0, measure)
        self.mark = time.perf_counter()

    def step(self, number: int, measure: Callable[[], float]) -> None:
        """Step ``number`` (from 1 on) has ended; ``measure`` gives the validation loss."""
        self.steps.append(time.perf_counter() - self.mark)
        if number in self.at:
            self._point(number, measure)
        self.mark = time.perf_counter()

    def _point(self, number: int, measure: Callable[[], float]) -> None:
        tokens, seconds = number * self.settings.rows * SHAPE["context"], self.prepared + sum(self.steps)
        point = {"step": number, "tokens": tokens, "seconds": seconds, "loss": measure()}
        self.curve.append(point)
        print(json.dumps(point), file=sys.stderr, flush=True)

    def report(self) -> dict[str, Any]:
        """What the process prints."""
        return {
            "settings": asdict(self.settings),
            "start": self.start,
            "step": statistics.median(self.steps[3:] or self.steps),
            "bytes_per_token": self.corpus.bytes_per_token,
            "curve": self.curve,
        }


def _ours(settings: Settings, train: Callable[[Any], None]) -> dict[str, Any]:
    """Our model and task; ``train`` brings the task to its end."""
    import torch

    from lm.model.families import family_config
    from lm.model.heads import build_model
    from lm.training.bigrams import begin_with_bigrams
    from lm.training.language import LanguageModelling
    from lm.training.schedule import Schedule

    corpus = Corpus(settings)
    meter = Meter(settings, corpus)
    families: Any = {"causal": "small-gpt", "masked": "small-bert", "span-corruption": "small-t5"}
    bigrams = settings.start == "bigrams"
    own_output = {"tied": False, "embedding_norm": "none"} if bigrams else {}
    shape: dict[str, Any] = {**SHAPE, "vocab_size": corpus.vocab_size, **own_output}
    torch.set_num_threads(settings.threads)
    torch.manual_seed(1)
    model: Any = build_model(family_config(families[settings.objective], **shape))
    began = time.perf_counter()
    if bigrams:
        begin_with_bigrams(model, corpus.train, seed=1)
    prepared = time.perf_counter() - began

    def measure() -> float:
        return corpus.loss(model, lambda batch: model(batch.inputs_BT, source_BS=batch.source_BS))

    class Measured(LanguageModelling):
        """Tells the meter of every step."""

        def on_train_start(self) -> None:
            meter.begin(measure, prepared)

        def on_train_batch_end(self, *arguments: Any) -> None:
            meter.step(len(meter.steps) + 1, measure)

        def validate(self) -> dict[str, float]:
            return {"loss": 0.0}

    task = Measured(
        model,
        Schedule(settings.steps, settings.learning_rate, 1, "linear"),
        objective=corpus.objective,
        train=corpus.train,
        validation=corpus.validation,
        bytes_per_token=corpus.bytes_per_token,
        batch_rows=settings.rows,
    )
    train(task)
    return meter.report()


def ours(settings: Settings) -> dict[str, Any]:
    """Tokenmill's own trainer, Lightning, checkpoints and all, as the pretrain stage runs it."""
    from lm.training.fit import fit
    from lm.training.loop import Runtime

    def train(task: Any) -> None:
        runtime = Runtime(threads=settings.threads, checkpoint_every_seconds=30, log_every_steps=10)
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = Path(folder) / "last.ckpt"
            fit(
                task, checkpoint=checkpoint, identity={}, runtime=runtime, log=lambda *_: None,
                validations=1, name="ours",
            )  # fmt: skip

    return _ours(settings, train)


def bare(settings: Settings) -> dict[str, Any]:
    """The same task in a loop without Lightning, checkpoints and guards, for what these cost."""
    from lm.training.memory import keep_freed_memory

    def train(task: Any) -> None:
        keep_freed_memory()
        made = task.configure_optimizers()
        optimizer, scheduler = made["optimizer"], made["lr_scheduler"]["scheduler"]
        task.train()
        task.on_train_start()
        for step in range(settings.steps):
            optimizer.zero_grad()
            rows, share = task.prepare(step)
            share(slice(0, rows)).backward()
            optimizer.step()
            scheduler.step()
            task.on_train_batch_end()

    return _ours(settings, train)


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
    train, configure = GPT.train, GPT.configure_optimizers

    def loss(model: Any) -> float:
        # Without targets it gives the logits of the last position alone.
        return corpus.loss(model, lambda batch: model(batch.inputs_BT, batch.targets_BT.contiguous())[0])

    def with_meter(model: Any, *arguments: Any) -> Any:
        optimizer = configure(model, *arguments)
        clear, begun = optimizer.zero_grad, False

        def begin(self: Any, mode: bool = True) -> Any:
            nonlocal begun
            train(self, mode)
            if mode and not begun:
                begun = True
                meter.begin(lambda: loss(model))
            return self

        def after_step(**options: Any) -> None:
            clear(**options)
            meter.step(len(meter.steps) + 1, lambda: loss(model))

        GPT.train, optimizer.zero_grad = begin, after_step
        return optimizer

    GPT.configure_optimizers = with_meter
    options = {
        "dataset": "tokens", "device": "cpu", "dtype": "float32", "compile": False,
        "eval_interval": 10**9, "eval_iters": 1, "gradient_accumulation_steps": 1,
        "batch_size": settings.rows, "block_size": SHAPE["context"], "dropout": 0.0,
        "n_layer": SHAPE["layers"], "n_head": SHAPE["heads"], "n_embd": SHAPE["width"],
        "learning_rate": settings.learning_rate, "min_lr": settings.learning_rate / 10, "beta2": 0.99,
        "warmup_iters": warm_up(settings), "max_iters": settings.steps - 1, "lr_decay_iters": settings.steps,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "data/tokens")
        data.mkdir(parents=True)
        corpus.train.astype(np.uint16).tofile(data / "train.bin")
        corpus.validation.astype(np.uint16).tofile(data / "val.bin")
        (data / "meta.pkl").write_bytes(pickle.dumps({"vocab_size": corpus.vocab_size}))
        Path(folder, "configurator.py").symlink_to(clone / "configurator.py")
        os.chdir(folder)
        sys.argv = ["train.py", *(f"--{key}={value}" for key, value in options.items())]
        runpy.run_path(str(clone / "train.py"), run_name="__main__")
    return meter.report()


def warm_up(settings: Settings) -> int:
    """The peers' steps of warm-up: 100 as nanoGPT's small settings have it, fewer in short runs."""
    return min(100, settings.steps // 3)


def trainer(settings: Settings) -> dict[str, Any]:
    """``transformers``' Trainer with the published class of each kind, AdamW and a cosine schedule."""
    import torch
    import transformers
    from transformers import Trainer, TrainerCallback, TrainingArguments

    from lm.training.order import TokenRows

    corpus = Corpus(settings)
    meter = Meter(settings, corpus)
    torch.set_num_threads(settings.threads)
    transformers.set_seed(1)
    model = _published(settings.objective, corpus.vocab_size)
    stream = TokenRows(corpus.train, corpus.row_tokens, seed=1)

    class Rows(torch.utils.data.Dataset[dict[str, Any]]):
        """Single rows with their labels."""

        def __len__(self) -> int:
            return settings.steps * settings.rows

        def __getitem__(self, index: int) -> dict[str, Any]:
            batch = corpus.batch(stream.batch(index, 1), index)
            if batch.source_BS is not None:
                return {"input_ids": batch.source_BS[0], "labels": batch.targets_BT[0]}
            # A causal model of theirs moves the labels on by itself.
            labels = batch.inputs_BT if settings.objective == "causal" else batch.targets_BT
            return {"input_ids": batch.inputs_BT[0], "labels": labels[0]}

    def logits_of(batch: Any) -> Any:
        if batch.source_BS is None:
            return model(input_ids=batch.inputs_BT).logits
        return model(input_ids=batch.source_BS, decoder_input_ids=batch.inputs_BT).logits

    class Measure(TrainerCallback):
        """Tells the meter of every step."""

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            meter.begin(lambda: corpus.loss(model, logits_of))

        def on_step_end(self, *_: Any, **__: Any) -> None:
            meter.step(len(meter.steps) + 1, lambda: corpus.loss(model, logits_of))

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, max_steps=settings.steps, per_device_train_batch_size=settings.rows,
            learning_rate=settings.learning_rate, lr_scheduler_type="cosine",
            warmup_steps=warm_up(settings), weight_decay=0.1, adam_beta2=0.99, use_cpu=True, report_to=[],
            save_strategy="no", logging_strategy="no", seed=1, disable_tqdm=True,
        )  # fmt: skip
        Trainer(model=model, args=arguments, train_dataset=Rows(), callbacks=[Measure()]).train()
    return meter.report()


def _published(objective: str, vocab_size: int) -> Any:
    """A freshly initialised model of ``transformers`` without dropout."""
    import transformers

    width, layers, heads, context = (SHAPE[name] for name in ("width", "layers", "heads", "context"))
    if objective == "causal":
        return transformers.GPT2LMHeadModel(
            transformers.GPT2Config(
                vocab_size=vocab_size, n_positions=context, n_embd=width, n_layer=layers, n_head=heads,
                resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
            )
        )  # fmt: skip
    if objective == "masked":
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


SIDES = {"ours": ours, "bare": bare, "nanogpt": nanogpt, "trainer": trainer}


def main() -> None:
    """Train one side."""
    print(json.dumps(SIDES[sys.argv[1]](Settings(**json.loads(sys.argv[2])))))


if __name__ == "__main__":
    main()
