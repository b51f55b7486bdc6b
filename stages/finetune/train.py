"""From a pretrained encoder and labelled documents to a classifier, and its control."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lm.errors import UserError
from stages.documents import Split, read_documents
from stages.job import Job
from stages.params import FinetuneSettings, RuntimeSettings
from stages.training import runtime, write_curve

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from lm.heads import LanguageModel
    from lm.training.tasks import LabelledTexts

START_WORDS = {"pretrained": "model", "control": "control"}
"""Where the weights come from -> the out that holds the result."""

VALIDATIONS_PER_EPOCH = 2


def finetune(
    task: str,
    settings: FinetuneSettings,
    clean: Path,
    base: Path,
    job: Job,
    runtime_settings: RuntimeSettings,
) -> None:
    """Train the classifier twice, from the pretrained encoder and from random weights, all else equal.

    Raises:
        UserError: the base is no encoder, the source has no labels, or a split lacks some of them.
    """
    from lm.checkpoint import load_model, read_json
    from lm.heads import LanguageModel

    encoder, tokenizer = load_model(base)
    if not isinstance(encoder, LanguageModel) or encoder.config.kind != "masked-lm":
        raise UserError(
            f"params.yaml: finetune.{task}.base must be an encoder (objective masked), "
            f"{settings.base} is a {encoder.config.kind}"
        )
    if settings.max_tokens > encoder.config.context:
        raise UserError(
            f"params.yaml: finetune.{task}.max_tokens is {settings.max_tokens}, but the context of "
            f"{settings.base} is {encoder.config.context}; lower it or pretrain with a longer context"
        )
    labels = label_names(clean, settings.source, task)
    texts: dict[Split, LabelledTexts] = {
        split: labelled_texts(tokenizer, clean, settings, split, labels) for split in ("train", "validation")
    }
    ancestry = {
        **read_json(base / "ancestry.json"),
        "base": job.digests["base"],
        "documents": job.digests["clean"],
        "finetune": settings.model_dump(),
    }
    curve: list[dict[str, Any]] = []
    metrics: dict[str, Any] = {"documents": {split: len(rows.labels) for split, rows in texts.items()}}
    for start, out in START_WORDS.items():
        pretrained = encoder if start == "pretrained" else None
        figures = train_classifier(
            f"{task} ({start})",
            settings,
            encoder,
            pretrained,
            texts,
            labels,
            job=job,
            start=start,
            runtime_settings=runtime_settings,
            folder=job.out[out],
            tokenizer_json=(base / "tokenizer.json").read_bytes(),
            ancestry={**ancestry, "start": start},
        )
        curve += [{**row, "split": f"validation ({start})"} for row in figures.pop("curve")]
        metrics[start] = figures
    write_curve(job.out["curve"], curve)
    job.write_metrics(metrics)


def train_classifier(
    title: str,
    settings: FinetuneSettings,
    encoder: "LanguageModel",
    pretrained: "LanguageModel | None",
    texts: dict[Split, "LabelledTexts"],
    labels: Sequence[str],
    *,
    job: Job,
    start: str,
    runtime_settings: RuntimeSettings,
    folder: Path,
    tokenizer_json: bytes,
    ancestry: dict[str, Any],
) -> dict[str, Any]:
    """Train one classifier of the encoder's shape and write its folder; returns its figures and curve."""
    import dataclasses

    import torch

    from lm.checkpoint import save_model
    from lm.heads import SequenceClassifier, start_from
    from lm.training.fit import fit
    from lm.training.tasks import Classification, Schedule

    config = dataclasses.replace(
        encoder.config,
        kind="sequence-classifier",
        labels=tuple(labels),
        dropout=settings.dropout,
        context=settings.max_tokens,
    )
    torch.manual_seed(settings.seed)
    model = SequenceClassifier(config)
    if pretrained is not None:
        start_from(model, pretrained)
    steps = Classification.steps_in(len(texts["train"].rows), settings.batch_size, settings.epochs)
    classification = Classification(
        model,
        Schedule(steps, settings.learning_rate, settings.seed),
        train=texts["train"],
        validation=texts["validation"],
        batch_size=settings.batch_size,
    )
    fit(
        classification,
        checkpoint=job.work / f"{start}.ckpt",
        runtime=runtime(runtime_settings),
        log=lambda figures, step: job.run.log_metrics({f"{start}/{k}": v for k, v in figures.items()}, step),
        validations=VALIDATIONS_PER_EPOCH * settings.epochs,
        name=title,
    )
    save_model(folder, model, tokenizer_json=tokenizer_json, ancestry=ancestry)
    last = {key: round(value, 6) for key, value in classification.validate().items()}
    return {
        "steps": steps,
        "tokens_seen": classification.seen,
        "validation": last,
        "curve": classification.curve,
    }


def label_names(clean: Path, source: str, task: str) -> list[str]:
    """The labels of a source's documents, sorted.

    Raises:
        UserError: there are fewer than two.
    """
    names = sorted(read_documents(clean, source)["label"].drop_nulls().unique().to_list())
    if len(names) < 2:
        raise UserError(
            f"params.yaml: finetune.{task}.source is {source}, which has {len(names)} label(s); "
            "map a column to `label` or name labels by file under sources"
        )
    return names


def labelled_texts(
    tokenizer: "Tokenizer", clean: Path, settings: FinetuneSettings, split: Split, labels: Sequence[str]
) -> "LabelledTexts":
    """One split's labelled documents, encoded and cut at ``max_tokens``.

    Raises:
        UserError: the split has no labelled document.
    """
    from lm.classify import encode_texts
    from lm.training.tasks import LabelledTexts

    frame = read_documents(clean, settings.source, split).drop_nulls("label")
    if frame.is_empty():
        raise UserError(
            f"{clean}: no labelled {split} documents of {settings.source}; see clean.split in params.yaml"
        )
    numbers = {name: number for number, name in enumerate(labels)}
    return LabelledTexts(
        encode_texts(tokenizer, frame["text"].to_list(), settings.max_tokens),
        np.array([numbers[name] for name in frame["label"]], np.int64),
    )
