"""Lines of the page's charts, from the CSVs in data/plots."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tokenmill.report.evaluation import Evaluation
from tokenmill.report.words import figure_of

Lines = dict[str, list[tuple[float, float]]]

SHOWN = ("bits_per_byte", "accuracy", "loss")
"""What a learning curve is drawn of: the first of these that its CSV has."""


LEAST = 0.001
"""Share of all answers that a bin of confidence must hold to be drawn; less would show chance."""


@dataclass(frozen=True)
class Curve:
    """One chart."""

    name: str
    """Of the model."""
    what: str
    """The figure, in words."""
    lines: Lines
    note: str = ""


def learning_curves(
    plots: Path, trained: Mapping[str, Mapping[str, Any]], evaluations: list[Evaluation]
) -> list[Curve]:
    """Validation figures by tokens seen of every pretrained and fine-tuned model that has a CSV."""
    measured = {evaluation.name: evaluation for evaluation in evaluations}
    curves = []
    for group in ("pretrain", "finetune"):
        for name in trained[group]:
            path = plots / f"{group}-{name}.csv"
            if path.exists() and (curve := _learning_curve(name, pl.read_csv(path), measured.get(name))):
                curves.append(curve)
    return curves


def _learning_curve(name: str, table: pl.DataFrame, evaluation: Evaluation | None) -> Curve | None:
    metric = next((shown for shown in SHOWN if shown in table.columns), None)
    if metric is None:
        return None
    table = table.filter(pl.col("split").str.starts_with("validation")).drop_nulls(metric)
    lines: Lines = {
        str(split): part.select("tokens", metric).rows()
        for (split,), part in table.group_by("split", maintain_order=True)
    }
    note = ""
    level = evaluation.rivals.get("ngram", {}).get("curve_bits_per_byte") if evaluation else None
    if level is not None and metric == "bits_per_byte" and lines:
        points = next(iter(lines.values()))
        lines["n-gram model"] = [(points[0][0], level), (points[-1][0], level)]
        note = _passing(name, points, level)
    return Curve(name, figure_of(metric).words, lines, note) if lines else None


def _passing(name: str, points: list[tuple[float, float]], level: float) -> str:
    passed = next((int(tokens) for tokens, value in points if value < level), None)
    if passed is None:
        return f"On the validation text {name} has not passed the n-gram model within its training budget."
    return f"On the validation text {name} passes the n-gram model by the time it has seen {passed:,} tokens."


def calibration_curves(plots: Path, evaluations: list[Evaluation]) -> list[Curve]:
    """How often the models are right, by how sure they are, beside what it ought to be."""
    curves = []
    for evaluation in evaluations:
        path = plots / f"calibration-{evaluation.name}.csv"
        if not path.exists():
            continue
        table = pl.read_csv(path, schema_overrides={"count": pl.Int64})  # of none, nothing tells the types
        table = table.filter(pl.col("count") >= LEAST * pl.col("count").sum())
        if table.is_empty():
            continue
        lowest = float(table["confidence"][0])
        lines: Lines = {
            evaluation.name: table.select("confidence", "accuracy").rows(),
            "perfectly calibrated": [(lowest, lowest), (1.0, 1.0)],
        }
        curves.append(Curve(evaluation.name, "accuracy", lines))
    return curves
