"""``tokenmill results``: what ran, how long it took, what came out, and where to look next."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tokenmill.cli.figures import Metrics, beside, headline, read_metrics, words_and_value
from tokenmill.cli.tries import tries
from tokenmill.core.files import read_json

GROUPS = ("tokenize", "pretrain", "finetune", "evaluate")
"""Groups of params.yaml, each entry of which is a stage."""

WIDTH = 160
"""Columns where the output is no terminal (a log, a pipe): a stage then takes one line."""


def show(root: Path) -> None:
    """Print the table of stages and a few lines on where to look next.

    Raises:
        UserError: params.yaml is missing or wrong, or no stage has run yet.
    """
    from rich.console import Console
    from rich.table import Table

    from stages.params import load_params

    trained = load_params(root / "params.yaml").trained
    stages = stage_names(trained)
    metrics = read_metrics(root / "data" / "metrics", stages)
    took = seconds(root / ".work")
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("stage", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    table.add_column("main figures", overflow="fold")
    for stage in stages:
        facts = registered(root) if stage == "register" else main_figures(stage, metrics.get(stage, {}))
        if facts or stage in took:
            table.add_row(stage, f"{took[stage]:.1f}" if stage in took else "–", "; ".join(facts))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    console.print(table)
    console.print()
    for line in where_next(root, trained):
        console.print(line, markup=False, soft_wrap=True)  # a command can be copied


def stage_names(trained: dict[str, dict[str, Any]]) -> list[str]:
    """The stages of the project, as dvc addresses them, in the order in which a person reads them."""
    entries = [f"{group}@{name}" for group in GROUPS for name in trained[group]]
    return ["ingest", "measure", "clean", *entries, "report", "register"]


def seconds(work: Path) -> dict[str, float]:
    """Stage -> seconds of the last run on this machine; a stage that came from DVC's cache is not in it."""
    found = {}
    for path in sorted(work.glob("*/last.json")):
        value = json.loads(path.read_text("utf-8")).get("seconds")
        if isinstance(value, int | float):
            found[path.parent.name] = float(value)
    return found


def main_figures(stage: str, metrics: Metrics) -> list[str]:
    """What a stage's metrics say, in words."""
    if not metrics:
        return []
    if stage.startswith("evaluate@"):
        name = headline(metrics)
        rivals = ", ".join(f"{rival} {value}" for rival, value in beside(metrics).items())
        return [words_and_value(name, metrics[name]) + (f" ({rivals})" if rivals else "")]
    return list(_facts(metrics))


def _facts(metrics: Metrics) -> Iterable[str]:
    for name, value in metrics.items():
        if isinstance(value, dict):
            inner = ", ".join(words_and_value(key, item) for key, item in value.items())
            yield f"{name.replace('_', ' ')}: {inner}"
        else:
            yield words_and_value(name, value)


def registered(root: Path) -> list[str]:
    """What ``data/registry.json`` names; versions and aliases are MLflow's."""
    path = root / "data" / "registry.json"
    if not path.exists():
        return []
    models = read_json(path, "bring it back with `dvc repro`")["models"]
    return [f"{model['name']} ({words_and_value(model['metric'], model['value'])})" for model in models]


def where_next(root: Path, trained: dict[str, dict[str, Any]]) -> list[str]:
    """The report, MLflow's UI, and commands that try the models that are there."""
    lines = ["MLflow:  make mlflow, then open http://127.0.0.1:5000"]
    if (root / "data" / "report").exists():
        lines.insert(0, "report:  data/report/report.html")
    return [*lines, *(f"try it:  {command}" for command in tries(root, trained))]
