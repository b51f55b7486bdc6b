"""From a pretrained model and labelled documents to a classifier, and its control."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tokenmill.core.errors import UserError
from tokenmill.jobs.job import Job
from tokenmill.jobs.progress import Progress
from tokenmill.jobs.runtime import RuntimeSettings
from tokenmill.model.config import ModelConfig
from tokenmill.model.digest import CONTROL
from tokenmill.model.folder import ANCESTRY, load_model, read_settings, save_model
from tokenmill.model.freeze import freeze
from tokenmill.model.heads import Model, TaskModel, build_model, start_from
from tokenmill.model.lora import add_lora, merge
from tokenmill.tasks.classification import Classification
from tokenmill.tasks.settings import FinetuneSettings
from tokenmill.tasks.texts import label_names, labelled_texts
from tokenmill.text.tokenizer import fingerprint
from tokenmill.training.fit import fit
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
    """Train the classifier twice, from the model in ``init_from`` and from random weights, all else equal.

    Of a classifier in ``init_from`` the backbone is taken; the head is new.

    Raises:
        UserError: ``init_from`` holds no fitting model, the source has no labels, or a split lacks some.
    """
    base, vocabulary = load_model(init_from)
    _check_base(name, settings, base.config)
    labels = label_names(clean, settings.source, name)
    train, validation = (
        labelled_texts(
            vocabulary,
            clean,
            settings.source,
            split,
            labels,
            max_tokens=settings.max_tokens,
            ngrams=settings.ngrams,
        )
        for split in ("train", "validation")
    )
    run = _Finetuning(
        name,
        settings,
        _classifier_config(base.config, settings, labels),
        Classification(
            train=train, validation=validation, batch_size=settings.batch_size, seed=settings.seed
        ),
        init_from,
        job,
        Runtime.of(runtime_settings.model_dump()),
    )
    folder = job.out["model"]
    pretrained, pretrained_curve = run.train("pretrained", base, folder)
    control, control_curve = run.train("control", None, folder / CONTROL)
    write_curve(job.out["curve"], pretrained_curve + control_curve)
    job.write_metrics({"documents": len(train.rows), "validation": pretrained, "control": control})


def _check_base(name: str, settings: FinetuneSettings, base: ModelConfig) -> None:
    where = f"params.yaml: finetune.{name}"
    if base.kind == "text-to-text":
        raise UserError(f"{where}.init_from must be an encoder or a decoder, {settings.init_from} is both")
    if settings.max_tokens > base.context:
        raise UserError(
            f"{where}.max_tokens is {settings.max_tokens}, but the context of {settings.init_from} is "
            f"{base.context}; lower it or start from a model with a longer context"
        )


def _classifier_config(base: ModelConfig, settings: FinetuneSettings, labels: Sequence[str]) -> ModelConfig:
    pooling = settings.pooling or base.pooling
    return dataclasses.replace(
        base,
        kind="sequence-classifier",
        labels=tuple(labels),
        dropout=settings.dropout,
        context=settings.max_tokens,
        ngrams=settings.ngrams,
        pooling=pooling,
        # All positions stand for the text where they are averaged: none need be blind to what follows it.
        causal=base.causal and (pooling != "mean" or base.cell != "attention"),
    )


@dataclass(frozen=True)
class _Finetuning:
    """What both trainings share."""

    name: str
    settings: FinetuneSettings
    config: ModelConfig
    task: Classification
    init_from: Path
    job: Job
    runtime: Runtime

    def train(
        self, which: str, base: Model | None, folder: Path
    ) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """Train one classifier, from ``base`` or from random weights, and write its folder.

        Returns its validation figures and its learning curve.
        """
        settings, title = self.settings, f"{self.name} ({which})"
        model = self._new_model(base)
        steps = self.task.steps(settings.epochs)
        trained = fit(
            model,
            self.task,
            Schedule(steps, settings.learning_rate, settings.seed),
            checkpoint=self.job.work / f"{which}.ckpt",
            runtime=self.runtime,
            validations=VALIDATIONS_PER_EPOCH * settings.epochs,
            log=lambda values, tokens: self.job.run.log_metrics(
                {f"{which}/{key}": value for key, value in values.items()}, tokens
            ),
            name=title,
            keep_best=settings.keep == "best",
            callbacks=[Progress(title)],
        )
        trained_parameters = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
        merge(model)
        save_model(folder, model, tokenizer=self.init_from, ancestry=self._ancestry(control=base is None))
        write_record(
            folder,
            trained,
            {
                "padding_share": round(self.task.padding_share(steps), 6),
                "trained_parameters": trained_parameters,
            },
        )
        # What is published was validated in training: at its last step, or where the loss was lowest.
        best = min(trained.curve, key=lambda row: row["loss"])
        kept = best if settings.keep == "best" else trained.curve[-1]
        curve = [{**row, "split": f"validation ({which})"} for row in trained.curve]
        return rounded({key: kept[key] for key in ("loss", "accuracy")}), curve

    def _new_model(self, base: Model | None) -> TaskModel:
        settings = self.settings
        torch.manual_seed(settings.seed)
        model = build_model(self.config)
        assert isinstance(model, TaskModel)
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
        return model

    def _ancestry(self, *, control: bool) -> dict[str, Any]:
        """What the classifier comes from: all that its start does, and the documents."""
        path = self.init_from / ANCESTRY
        parent = read_settings(path) if path.exists() else {}
        return {
            **parent,
            **({"parent": parent} if parent else {}),
            **({"control": True} if control else {}),
            "tokenizer": fingerprint(self.init_from),
            "init_from": self.job.digests["init_from"],
            "documents": self.job.digests["clean"],
            "task": self.settings.task,
            "finetune": self.settings.model_dump(),
        }
