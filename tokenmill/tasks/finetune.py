"""From a pretrained model and documents of a task to a fine-tuned model, and its control."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl
import torch

from tokenmill.core.errors import UserError
from tokenmill.core.normalization import Normalization, normalization_of
from tokenmill.data.documents.reading import read_documents
from tokenmill.jobs.job import Job
from tokenmill.jobs.progress import Progress
from tokenmill.jobs.runtime import RuntimeSettings
from tokenmill.model.config import ModelConfig
from tokenmill.model.digest import CONTROL
from tokenmill.model.folder import ANCESTRY, load_model, save_model
from tokenmill.model.freeze import freeze
from tokenmill.model.heads import Model, TaskModel, build_model, start_from
from tokenmill.model.lora import add_lora, merge
from tokenmill.model.published.architectures import published_class
from tokenmill.model.tensors import read_settings
from tokenmill.tasks.memory import check_memory
from tokenmill.tasks.recipe import CONTROL_RECIPE, Recipe, downloaded, recipe_of, warning
from tokenmill.tasks.settings import FinetuneSettings
from tokenmill.tasks.table import TASKS, module_of
from tokenmill.tasks.task import FinetuneTask
from tokenmill.tasks.tokenizer_fit import check_fit
from tokenmill.text.tokenizer import copy_tokenizer, fingerprint
from tokenmill.training.devices import check_processes
from tokenmill.training.fit import fit, prepare_process
from tokenmill.training.record import rounded, write_curve, write_record
from tokenmill.training.runtime import Runtime
from tokenmill.training.schedule import Schedule

VALIDATIONS_PER_EPOCH = 2


def finetune(
    name: str,
    settings: FinetuneSettings,
    clean: Path,
    init_from: Path,
    job: Job,
    runtime_settings: RuntimeSettings,
) -> None:
    """Train the model from the one in ``init_from`` and, as a control, from random weights, all else equal.

    Of a model in ``init_from`` that was fine-tuned before the backbone is taken; the head is new.

    Raises:
        UserError: ``init_from`` holds no fitting model, the source does not hold what the task needs, memory
            is too small, or processes are missing.
    """
    runtime = Runtime.of(runtime_settings.model_dump())
    check_processes(runtime)
    base, vocabulary = load_model(init_from)
    _check_base(name, settings, base.config)
    documents = pl.concat([read_documents(clean, source) for source in settings.sources])
    task: FinetuneTask = import_module(module_of(settings.task)).new_task(
        name, settings, documents, vocabulary, base.config
    )
    ancestry = read_settings(init_from / ANCESTRY) if (init_from / ANCESTRY).exists() else {}
    recipe = recipe_of(
        settings.learning_rate,
        width=base.config.width,
        rows=settings.batch_size,
        downloaded=downloaded(ancestry),
        lora=settings.lora is not None,
    )
    check_memory(name, task, base, runtime, recipe.optimizer)
    if said := warning(
        f"params.yaml: finetune.{name}", recipe, settings.init_from, lora=settings.lora is not None
    ):
        print(said, file=sys.stderr, flush=True)
    check_fit(documents, vocabulary, init_from)
    normalization = normalization_of(clean, settings.sources)
    tokenizer = init_from
    if task.tokenizer is not None:
        tokenizer = copy_tokenizer(init_from, job.work / "tokenizer", task.tokenizer)
    run = _Finetuning(
        name, settings, task, init_from, tokenizer, ancestry, recipe, normalization, job, runtime
    )
    prepare_process(runtime)
    task.begin(base)
    folder = job.out["model"]
    pretrained, pretrained_curve = run.train("pretrained", base, folder)
    metrics: dict[str, Any] = {"documents": task.documents, "validation": pretrained}
    curve = pretrained_curve
    if task.control_is_start:
        known = ancestry or {"tokenizer": fingerprint(init_from)}
        save_model(folder / CONTROL, base, tokenizer=init_from, ancestry=known, chat=task.chat)
    elif settings.control:
        metrics["control"], control_curve = run.train("control", None, folder / CONTROL)
        curve = curve + control_curve
    write_curve(job.out["curve"], curve)
    job.write_metrics(metrics)


def _check_base(name: str, settings: FinetuneSettings, base: ModelConfig) -> None:
    where = f"params.yaml: finetune.{name}"
    if base.kind not in (fitting := TASKS[settings.task].starts_from):
        raise UserError(
            f"{where}.init_from: {settings.task} cannot begin with {settings.init_from}, a {base.kind} "
            f"model; name one of the kinds {', '.join(fitting)}"
        )
    if settings.max_tokens > base.context:
        raise UserError(
            f"{where}.max_tokens is {settings.max_tokens}, but the context of {settings.init_from} is "
            f"{base.context}; lower it or start from a model with a longer context"
        )
    if settings.lora is not None and settings.lora.rank > base.width:
        raise UserError(
            f"{where}.lora.rank is {settings.lora.rank}, but the width of {settings.init_from} is "
            f"{base.width}; lower it"
        )


def _publishable(model: Model) -> Model:
    """The same function in a form that ``transformers`` has a class for, where folding gives one."""
    if not isinstance(model, TaskModel) or published_class(model.config):
        return model
    folded = model.folded()
    return folded if published_class(folded.config) else model


@dataclass(frozen=True)
class _Finetuning:
    """What both trainings share."""

    name: str
    settings: FinetuneSettings
    task: FinetuneTask
    init_from: Path
    tokenizer: Path
    """Folder of the tokenizer with which the model reads."""
    parent: Mapping[str, Any]
    """Ancestry of the model to start from; {} where there is none."""
    recipe: Recipe
    normalization: Normalization | None
    job: Job
    runtime: Runtime

    def train(
        self, which: str, base: Model | None, folder: Path
    ) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """Train one model, from ``base`` or from random weights, and write its folder.

        Returns its validation figures and its learning curve.
        """
        settings, title = self.settings, f"{self.name} ({which})"
        # Random weights learn next to nothing at rates that suit downloaded ones.
        recipe = CONTROL_RECIPE if base is None and self.recipe.optimizer == "adamw" else self.recipe
        model = self._new_model(base)
        steps = self.task.steps(settings.epochs)
        trained = fit(
            model,
            self.task,
            Schedule(steps, recipe.learning_rate, settings.seed, optimizer=recipe.optimizer),
            checkpoint=self.job.work / f"{which}.ckpt",
            runtime=self.runtime,
            validations=VALIDATIONS_PER_EPOCH * settings.epochs,
            log=lambda values, tokens: self.job.run.log_metrics(
                values if base is not None else {f"control/{key}": value for key, value in values.items()},
                tokens,
            ),
            name=title,
            keep_best=settings.keep == "best",
            callbacks=[Progress(title)],
        )
        trained_parameters = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
        merge(model)
        self.task.finish(model)
        model = _publishable(model)
        save_model(
            folder,
            model,
            tokenizer=self.tokenizer,
            ancestry=self._ancestry(control=base is None),
            normalization=self.normalization,
            chat=self.task.chat,
        )
        computed = write_record(
            folder,
            trained,
            {
                "padding_share": round(self.task.padding_share(steps), 6),
                "trained_parameters": trained_parameters,
                "optimizer": recipe.optimizer,
                "learning_rate": round(recipe.learning_rate, 9),
            },
        )
        if base is not None:
            self.job.run.set_tags(computed)
        # What is published was validated in training: at its last step, or where the loss was lowest.
        best = min(trained.curve, key=lambda row: row["loss"])
        kept = best if settings.keep == "best" else trained.curve[-1]
        curve = [{**row, "split": f"validation ({which})"} for row in trained.curve]
        return rounded({key: kept[key] for key in self.task.figures}), curve

    def _new_model(self, base: Model | None) -> Model:
        settings = self.settings
        torch.manual_seed(settings.seed)
        model = build_model(self.task.config)
        if base is None:  # random weights are of no use unless all of them are trained
            return model
        fresh = start_from(model, base)
        if settings.lora is not None:
            add_lora(
                model,
                settings.lora.layers,
                rank=settings.lora.rank,
                alpha=settings.lora.alpha,
                dropout=settings.lora.dropout,
                generator=torch.Generator().manual_seed(settings.seed),
                train=sorted({name.rpartition(".")[0] or name for name in fresh}),
            )
        freeze(model, settings.freeze)
        if not any(weight.requires_grad for weight in model.parameters()):
            raise UserError(
                f"params.yaml: finetune.{self.name}.freeze leaves nothing to train; name fewer parts"
            )
        return model

    def _ancestry(self, *, control: bool) -> dict[str, Any]:
        """What the model comes from: all that its start does, and the documents."""
        return {
            **self.parent,
            **({"parent": self.parent} if self.parent else {}),
            **({"control": True} if control else {}),
            "tokenizer": fingerprint(self.tokenizer),
            "init_from": self.job.digests["init_from"],
            "documents": self.job.digests["clean"],
            "task": self.settings.task,
            "finetune": self.settings.model_dump(),
        }
