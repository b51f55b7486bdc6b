"""Ours: the training of the pretrain stage, and the same task in a bare loop."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.train import corpus as texts
from benchmarks.train.meter import Meter
from benchmarks.train.settings import Settings


def train(settings: Settings) -> dict[str, Any]:
    """Tokenmill's own training, Lightning, checkpoints and all, as the pretrain stage runs it."""
    from tokenmill.training.fit import fit
    from tokenmill.training.loop import Runtime

    def through_lightning(task: Any) -> None:
        runtime = Runtime(
            threads=settings.threads,
            checkpoint_every_seconds=30,
            log_every_steps=10,
            micro_batch=settings.rows_at_once,
        )
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = Path(folder) / "last.ckpt"
            fit(
                task, checkpoint=checkpoint, identity={}, runtime=runtime, log=lambda *_: None,
                validations=1, name="ours",
            )  # fmt: skip

    return _measured(settings, through_lightning)


def bare(settings: Settings) -> dict[str, Any]:
    """The same task in a loop without Lightning, checkpoints and guards, for what these cost; on the CPU."""
    from tokenmill.training.memory import keep_freed_memory

    def loop(task: Any) -> None:
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

    return _measured(settings, loop)


def _measured(settings: Settings, run: Callable[[Any], None]) -> dict[str, Any]:
    """Our model and task with a meter; ``run`` brings the task to its end."""
    import torch

    from tokenmill.model.heads import build_model
    from tokenmill.pretraining.bigrams import begin_with_bigrams
    from tokenmill.pretraining.language import LanguageModelling
    from tokenmill.training.schedule import Schedule

    corpus = texts.load(settings)
    meter = Meter(settings, corpus)
    torch.set_num_threads(settings.threads)
    torch.manual_seed(1)
    model: Any = build_model(settings.config(corpus.vocab_size))
    began = time.perf_counter()
    if settings.start == "bigrams":
        begin_with_bigrams(model, corpus.train, seed=1)
    prepared = time.perf_counter() - began

    def measure() -> dict[str, float]:
        return corpus.score(model, lambda batch: model(batch.inputs_BT, source_BS=batch.source_BS))

    class Measured(LanguageModelling):
        """Tells the meter of every step."""

        def on_train_start(self) -> None:
            meter.begin(measure, prepared)

        def on_train_batch_end(self, *arguments: Any) -> None:
            meter.step(measure)

        def validate(self) -> dict[str, float]:
            return {"loss": 0.0}  # the meter has measured it

    run(
        Measured(
            model,
            Schedule(settings.steps, settings.learning_rate, 1, "linear"),
            objective=corpus.objective,
            train=corpus.train,
            validation=corpus.validation,
            bytes_per_token=corpus.bytes_per_token,
            batch_rows=settings.rows,
        )
    )
    return meter.report()
