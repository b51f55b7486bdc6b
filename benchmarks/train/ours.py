"""Ours: the training of the pretrain stage, and the same task in a bare loop."""

import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.train import corpus as texts
from benchmarks.train.meter import Meter
from benchmarks.train.settings import Settings


def train(settings: Settings) -> dict[str, Any]:
    """Tokenmill's own training, Lightning, checkpoints and all, as the pretrain stage runs it."""
    import pytorch_lightning as pl

    from tokenmill.training.fit import fit
    from tokenmill.training.runtime import Runtime

    run = _Run(settings)

    class Measure(pl.Callback):
        """Tells the meter of every step."""

        def on_train_start(self, *_: Any) -> None:
            run.begin()

        def on_train_batch_end(self, *_: Any) -> None:
            run.step()

    with tempfile.TemporaryDirectory() as folder:
        fit(
            run.model,
            run.task,
            run.schedule,
            checkpoint=Path(folder) / "last.ckpt",
            runtime=Runtime(
                threads=settings.threads,
                micro_batch=settings.rows_at_once,
                precision=settings.precision,  # type: ignore[arg-type]
            ),
            validations=0,
            callbacks=[Measure()],
        )
    return run.meter.report()


def bare(settings: Settings) -> dict[str, Any]:
    """The same task in a loop without Lightning, checkpoints and guards, for what these cost; on the CPU."""
    import torch

    from tokenmill.training.memory import keep_freed_memory
    from tokenmill.training.module import TrainingModule
    from tokenmill.training.precision import chosen_precision

    run = _Run(settings)
    keep_freed_memory()
    precision = chosen_precision(settings.precision)  # type: ignore[arg-type]
    made = TrainingModule(run.model, run.task, run.schedule, precision=precision).configure_optimizers()
    optimizer, scheduler = made["optimizer"], made["lr_scheduler"]["scheduler"]
    run.model.train()
    run.begin()
    for step in range(settings.steps):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            loss = run.task.batch(step).examples.loss(run.model)
        loss.backward()
        optimizer.step()
        scheduler.step()
        run.step()
    return run.meter.report()


class _Run:
    """Our model and task with a meter."""

    def __init__(self, settings: Settings) -> None:
        import torch

        from tokenmill.model.heads import build_model
        from tokenmill.pretraining.bigrams import begin_with_bigrams
        from tokenmill.pretraining.language import LanguageModelling
        from tokenmill.training.schedule import Schedule

        self.corpus = corpus = texts.load(settings)
        self.meter = Meter(settings, corpus)
        torch.set_num_threads(settings.threads)
        torch.manual_seed(1)
        self.model: Any = build_model(settings.config(corpus.vocab_size))
        began = time.perf_counter()
        if settings.start == "bigrams":
            begin_with_bigrams(self.model, corpus.train, seed=1)
        self.prepared = time.perf_counter() - began
        self.schedule = Schedule(settings.steps, settings.learning_rate, 1, "linear")
        self.task = LanguageModelling(
            self.model.config,
            corpus.objective,
            train=corpus.train,
            validation=corpus.validation,
            bytes_per_token=corpus.bytes_per_token,
            batch_rows=settings.rows,
            seed=1,
        )

    def begin(self) -> None:
        """Start the meter."""
        self.meter.begin(self._measure, self.prepared)

    def step(self) -> None:
        """Tell the meter of a step."""
        self.meter.step(self._measure)

    def _measure(self) -> dict[str, float]:
        model = self.model
        return self.corpus.score(model, lambda batch: model(batch.inputs_BT, source_BS=batch.source_BS))
