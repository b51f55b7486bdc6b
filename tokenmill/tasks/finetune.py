"""From a pretrained model and labelled documents to a classifier, and its control."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenmill.core.errors import UserError
from tokenmill.core.splits import Split
from tokenmill.jobs.job import Job
from tokenmill.jobs.runtime import RuntimeSettings
from tokenmill.tasks.settings import FinetuneSettings
from tokenmill.tasks.texts import label_names, labelled_texts
from tokenmill.training.runtime import runtime, write_curve

if TYPE_CHECKING:
    from tokenmill.model.config import ModelConfig
    from tokenmill.model.heads import Model
    from tokenmill.tasks.classification import LabelledTexts

VALIDATIONS_PER_EPOCH = 2


def finetune(
    task: str,
    settings: FinetuneSettings,
    clean: Path,
    start: Path,
    job: Job,
    runtime_settings: RuntimeSettings,
) -> None:
    """Train the classifier twice, from the model in ``start`` and from random weights, all else equal.

    Raises:
        UserError: ``start`` holds no fitting model, the source has no labels, or a split lacks some of them.
    """
    from tokenmill.model.folder import ANCESTRY, load_model, read_settings
    from tokenmill.text.tokenizer import fingerprint

    pretrained, vocabulary = load_model(start)
    where = f"params.yaml: finetune.{task}"
    if pretrained.config.kind == "text-to-text":
        raise UserError(f"{where}.init_from must be an encoder or a decoder, {start.as_posix()} is both")
    if settings.max_tokens > pretrained.config.context:
        raise UserError(
            f"{where}.max_tokens is {settings.max_tokens}, but the context of {start.as_posix()} is "
            f"{pretrained.config.context}; lower it or start from a model with a longer context"
        )
    labels = label_names(clean, settings.source, task)
    texts: dict[Split, LabelledTexts] = {
        split: labelled_texts(vocabulary, clean, settings, split, labels) for split in ("train", "validation")
    }
    pooling = settings.pooling or pretrained.config.pooling
    known = read_settings(start / ANCESTRY) if (start / ANCESTRY).exists() else {}
    this = _Task(
        settings,
        config=dataclasses.replace(
            pretrained.config,
            kind="sequence-classifier",
            labels=tuple(labels),
            dropout=settings.dropout,
            context=settings.max_tokens,
            ngrams=settings.ngrams,
            pooling=pooling,
            # All positions stand for the text where they are averaged: none need be blind to what follows it.
            causal=pretrained.config.causal and (pooling != "mean" or pretrained.config.cell != "attention"),
        ),
        texts=texts,
        tokenizer=start,
        ancestry={
            **known,
            "tokenizer": fingerprint(start),
            "base": job.digests["base"],
            "documents": job.digests["clean"],
            "finetune": settings.model_dump(),
        },
        job=job,
        runtime=runtime_settings,
    )
    curve: list[dict[str, Any]] = []
    metrics: dict[str, Any] = {"documents": {split: len(rows.labels) for split, rows in texts.items()}}
    # Where the weights come from, and the out that holds the result.
    for name, base, out in (("pretrained", pretrained, "model"), ("control", None, "control")):
        figures = this.train(f"{task} ({name})", name, base, job.out[out])
        curve += [{**row, "split": f"validation ({name})"} for row in figures.pop("curve")]
        metrics[name] = figures
    write_curve(job.out["curve"], curve)
    job.write_metrics(metrics)


@dataclass(frozen=True)
class _Task:
    """What both trainings share."""

    settings: FinetuneSettings
    config: "ModelConfig"
    texts: "dict[Split, LabelledTexts]"
    tokenizer: Path
    ancestry: dict[str, Any]
    job: Job
    runtime: RuntimeSettings

    def train(self, title: str, name: str, base: "Model | None", folder: Path) -> dict[str, Any]:
        """Train one classifier, from ``base`` or from random weights, and write its folder.

        Returns its figures and curve.
        """
        from tokenmill.model.folder import save_model
        from tokenmill.model.lora import merge
        from tokenmill.tasks.classification import Classification
        from tokenmill.training.fit import fit
        from tokenmill.training.schedule import Schedule

        settings = self.settings
        ancestry = {**self.ancestry, "start": name}
        model = self._new_model(base)
        count = len(self.texts["train"].rows)
        steps = Classification.steps_in(count, settings.batch_size, settings.epochs)
        task = Classification(
            model,
            Schedule(steps, settings.learning_rate, settings.seed),
            train=self.texts["train"],
            validation=self.texts["validation"],
            batch_size=settings.batch_size,
        )
        fit(
            task,
            checkpoint=self.job.work / f"{name}.ckpt",
            identity=ancestry,
            runtime=runtime(self.runtime),
            log=lambda values, step: self.job.run.log_metrics(
                {f"{name}/{key}": value for key, value in values.items()}, step
            ),
            validations=VALIDATIONS_PER_EPOCH * settings.epochs,
            name=title,
            keep_best=settings.keep == "best",
        )
        trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
        merge(model)
        save_model(folder, model, tokenizer=self.tokenizer, ancestry=ancestry)
        # What is published was validated in training: at its last step, or where the loss was lowest.
        kept = min(task.curve, key=lambda row: row["loss"]) if settings.keep == "best" else task.curve[-1]
        return {
            "steps": steps,
            "skipped_steps": len(task.spikes.skipped),
            "kept_step": task.best["step"] if settings.keep == "best" else steps,
            "tokens_seen": task.seen,
            "padding_share": round(task.padding_share(), 6),
            "trained_parameters": trained,
            "validation": {key: round(kept[key], 6) for key in ("loss", "accuracy")},
            "curve": task.curve,
        }

    def _new_model(self, base: "Model | None") -> Any:
        import torch

        from tokenmill.model.freeze import freeze
        from tokenmill.model.heads import build_model, start_from
        from tokenmill.model.lora import add_lora

        settings = self.settings
        torch.manual_seed(settings.seed)
        model = build_model(self.config)
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
                train=_parts(fresh),
            )
        freeze(model, settings.freeze)
        return model


def _parts(names: Sequence[str]) -> list[str]:
    """The modules that parameters belong to."""
    return sorted({name.rpartition(".")[0] or name for name in names})
