"""From a model and test data to figures beside rivals, predictions, samples and curves."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import torch

from tokenmill.core.errors import UserError
from tokenmill.core.files import write_json, write_text
from tokenmill.core.threads import compute_threads, reproducible_products
from tokenmill.data.documents.parquet import write_parquet
from tokenmill.evaluation.choices.run import measure_choices
from tokenmill.evaluation.code.run import measure_code
from tokenmill.evaluation.embeddings.run import measure_embeddings
from tokenmill.evaluation.kinds import MEASURES
from tokenmill.evaluation.privacy.run import measure_privacy
from tokenmill.evaluation.scores import Bin
from tokenmill.evaluation.settings import FIGURES, LOWER_IS_BETTER, EvaluateSettings, measured_as
from tokenmill.evaluation.subject import Result, open_subject
from tokenmill.jobs.job import Job
from tokenmill.jobs.runtime import RuntimeSettings

DIGITS = 6
"""Decimal places of figures in files; what lies beyond depends on the machine."""


def evaluate(
    name: str, settings: EvaluateSettings, clean: Path, model: Path, job: Job, runtime: RuntimeSettings
) -> None:
    """Measure one model by its kind, and write the job's outs.

    ``evaluation`` holds figures.json and, where there are any, predictions.parquet, confusion.csv,
    samples.json, learnt.json and tasks for lm-eval; ``metrics`` the headline figure of the model and of its
    rivals, and those of choices and embeddings; ``calibration`` the CSV.

    Raises:
        UserError: model and data do not belong together, the kind of model cannot be measured, a split is
            empty, or a prompt is too long.
    """
    reproducible_products()
    torch.set_num_threads(compute_threads(runtime.threads))
    subject = open_subject(name, settings, clean, model, job.digests["clean"])
    config = subject.model.config
    kind = measured_as(config.kind, subject.ancestry.get("task"), config.problem_type)
    if kind not in MEASURES:
        raise UserError(
            f"params.yaml: evaluate.{name} is a {kind}, which cannot be measured; "
            f"take it out, or name one of the kinds {', '.join(MEASURES)}"
        )
    result = MEASURES[kind](subject)
    choices = measure_choices(subject, name, job.out["evaluation"])
    embeddings = measure_embeddings(subject, name)
    code, privacy = measure_code(subject, name), measure_privacy(subject, name)
    headline = FIGURES[kind][0]
    figures = _rounded(
        {
            "kind": kind,
            "name": name,
            "headline": {
                "metric": headline,
                "value": result.figures[headline],
                "better": "lower" if headline in LOWER_IS_BETTER else "higher",
            },
            "figures": result.figures,
            "rivals": result.rivals,
            "comparisons": result.comparisons,
            **({"analysis": result.analysis} if result.analysis else {}),
            "choices": choices,
            "embeddings": embeddings,
            **({"code": code} if code else {}),
            **({"privacy": privacy} if privacy else {}),
            "documents": result.documents,
            "test_digest": result.test_digest,
            "sources": list(subject.sources),
            "settings": settings.model_dump(),
            "parameters": sum(parameter.numel() for parameter in subject.model.parameters()),
            "ancestry": subject.ancestry,
        }
    )
    _write_result(job.out["evaluation"], result, figures)
    write_text(job.out["calibration"], _calibration_csv(result.calibration))
    rivals = {rival: values[headline] for rival, values in figures["rivals"].items() if headline in values}
    entries = {
        group: {entry: entry_metrics(each) for entry, each in figures[group].items()}
        for group in ("choices", "embeddings")
        if figures[group]
    }
    job.write_metrics({headline: figures["headline"]["value"], "rivals": rivals, **entries})


def entry_metrics(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The main figures of an entry of choices or embeddings and of its rivals, as dvc compares them."""
    if "curve" in figures:
        found: dict[str, Any] = {}
        for row in figures["curve"]:
            of_model = row["accuracies"][figures["ranking"]] if "accuracies" in row else row
            rivals = {rival: values["accuracy"] for rival, values in row["rivals"].items()}
            found[f"shots_{row['shots']}"] = {"accuracy": of_model["accuracy"], "rivals": rivals}
        return found
    metric = "recall_at_10" if "recall_at_10" in figures else "accuracy"
    of_model = figures["accuracies"][figures["ranking"]] if "accuracies" in figures else figures
    rivals = {rival: values[metric] for rival, values in figures["rivals"].items()}
    return {metric: of_model[metric], "rivals": rivals}


def _write_result(folder: Path, result: Result, figures: Mapping[str, Any]) -> None:
    write_json(folder / "figures.json", figures)
    if result.samples:
        write_json(folder / "samples.json", result.samples)
    if result.learnt:
        write_json(
            folder / "learnt.json", [{"text": text, "learnt": learnt} for text, learnt in result.learnt]
        )
    if result.predictions is not None:
        table = result.predictions
        text_bytes = int(table["text"].str.len_bytes().sum())
        write_parquet(table.lazy(), folder / "predictions.parquet", rows=table.height, text_bytes=text_bytes)
    if result.confusion is not None:
        write_text(folder / "confusion.csv", result.confusion.write_csv())


def _calibration_csv(bins: list[Bin]) -> str:
    rows = [(round(b.confidence, DIGITS), round(b.accuracy, DIGITS), b.count) for b in bins]
    return pl.DataFrame(rows, ["confidence", "accuracy", "count"], orient="row").write_csv()


def _rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    """Figures to ``DIGITS`` places; p-values, which may be tiny, to as many significant ones."""
    rounded: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            rounded[key] = value if key in ("ancestry", "analysis") else _rounded(value)
        elif isinstance(value, list):
            rounded[key] = [_rounded(each) if isinstance(each, Mapping) else each for each in value]
        elif not isinstance(value, float):
            rounded[key] = value
        else:
            rounded[key] = float(f"{value:.{DIGITS}g}") if key == "p_value" else round(value, DIGITS)
    return rounded
