"""Documents of a source that tasks learn from, and settings for it."""

from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import TypeAdapter

from tests.tiny_models import write_model
from tokenmill.model.folder import load_model
from tokenmill.model.names import Kind
from tokenmill.tasks.settings import FinetuneSettings
from tokenmill.tasks.table import TASKS, module_of
from tokenmill.tasks.task import FinetuneTask
from tokenmill.training.fit import fit
from tokenmill.training.runtime import Runtime
from tokenmill.training.schedule import Schedule

COLUMNS = ("id", "text", "label", "target", "split", "group", "spans")


def labelled(*rows: tuple[str | None, str]) -> pl.DataFrame:
    """Documents of the source ``letters``, given as (label, split)."""
    return documents(*((f"text {n}", label, None, split) for n, (label, split) in enumerate(rows)))


def documents(*rows: tuple[str, str | None, str | None, str], spans: str | None = None) -> pl.DataFrame:
    """Documents of the source ``letters``, given as (text, label, target, split), all with the same spans."""
    numbered = [(f"letters:{number}", *row, None, spans) for number, row in enumerate(rows)]
    return pl.DataFrame(numbered, dict.fromkeys(COLUMNS, pl.String), orient="row")


def new_task(folder: Path, task: str, frame: pl.DataFrame, kind: Kind | None = None, **settings: Any) -> Any:
    """The task of an entry ``mine`` for the backbone of a tiny model, which is written to ``folder``; an
    encoder unless a kind is named or the task begins with others."""
    fitting = TASKS[task].starts_from
    kind = kind or ("masked-lm" if "masked-lm" in fitting else fitting[0])
    given = {
        "max_tokens": 16,
        "batch_size": 4,
        "epochs": 1,
        "learning_rate": 0.01,
        "dropout": 0.1,
        **settings,
    }
    entry = {"task": task, "source": "letters", "init_from": "data/models/base", "seed": 1, **given}
    chosen = TypeAdapter(FinetuneSettings).validate_python(entry)
    base, vocabulary = load_model(write_model(folder / "base", kind))
    made: FinetuneTask = import_module(module_of(task)).new_task(
        "mine", chosen, frame, vocabulary, base.config
    )
    return made


def learn(model: Any, task: FinetuneTask, folder: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Train a tiny model for 60 steps; its figures of validation before and after."""
    before = task.validate(model)
    runtime, schedule = Runtime(threads=1), Schedule(60, 0.02, 1)
    fit(model, task, schedule, checkpoint=folder / "last.ckpt", runtime=runtime, validations=0)
    return before, task.validate(model)
